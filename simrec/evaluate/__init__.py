"""Is it any good: metrics, baselines, suites and gates."""
