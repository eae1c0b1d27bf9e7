"""Once, or when there is better text: make a pretrained encoder from text files and a teacher."""

from simrec import runner, steps

STEPS = [steps.ingest, steps.teach, steps.train]

if __name__ == "__main__":
    runner.main(STEPS)
