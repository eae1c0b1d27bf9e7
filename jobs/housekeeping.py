"""Every week: read the current release whole, prune old ones, compact the embedding cache."""

from simrec import runner, steps

STEPS = [steps.verify, steps.prune, steps.compact]

if __name__ == "__main__":
    runner.main(STEPS)
