"""Once, or when there is better text: make a pretrained encoder from text files and a teacher."""

from simrec import jobs, runner

STEPS = jobs.PRETRAIN.steps

if __name__ == "__main__":
    runner.main(STEPS)
