"""Attacks from outside, as kinds: each has a test that fails without its mend."""
