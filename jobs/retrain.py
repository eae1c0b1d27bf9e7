"""Every week, and once before the first night: train on the articles of now, then release."""

from simrec import jobs, runner

STEPS = jobs.RETRAIN.steps

if __name__ == "__main__":
    runner.main(STEPS)
