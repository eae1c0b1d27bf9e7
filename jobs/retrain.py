"""Every week, and once before the first night: train on the articles of now, then release."""

from simrec import runner, steps

STEPS = [
    steps.ingest,
    steps.train,
    steps.embed,
    steps.index,
    steps.recommend,
    steps.evaluate,
    steps.publish,
    steps.export,
]

if __name__ == "__main__":
    runner.main(STEPS)
