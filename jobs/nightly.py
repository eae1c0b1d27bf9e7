"""Every night: what changed becomes a new release, or the old one stays."""

from simrec import runner, steps

STEPS = [
    steps.ingest,
    steps.embed,
    steps.index,
    steps.recommend,
    steps.evaluate,
    steps.publish,
    steps.export,
]

if __name__ == "__main__":
    runner.main(STEPS)
