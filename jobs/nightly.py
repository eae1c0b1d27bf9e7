"""Every night: what changed becomes a new release, or the old one stays."""

from simrec import jobs, runner

STEPS = jobs.NIGHTLY.steps

if __name__ == "__main__":
    runner.main(STEPS)
