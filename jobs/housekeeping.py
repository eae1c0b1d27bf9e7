"""Every week: read the current release whole, prune old ones, compact the embedding cache."""

from simrec import jobs, runner

STEPS = jobs.HOUSEKEEPING.steps

if __name__ == "__main__":
    runner.main(STEPS)
