"""Commands that run a job: several steps, one after the other."""

import click

from simrec import jobs, runner
from simrec.cli.config_options import Invocation, step_options
from simrec.cli.options import Command
from simrec.config import ENGINES, Config, override
from simrec.jobs import Job
from simrec.steps.forecast import forecast
from simrec.steps.night import Night
from simrec.workspace import Workspace

JOB_OPTIONS = (
    click.option(
        "--log-format",
        type=click.Choice(["text", "json"]),
        default="text",
        help="For people or machines.",
    ),
    click.option(
        "--dry-run", is_flag=True, help="Only say what would be done, and about what it would cost."
    ),
    click.option(
        "--engine", type=click.Choice(ENGINES), help="Where tasks run, instead of engine.kind."
    ),
)


def job_options(command: Command) -> Command:
    """Give a command the options that every job has, beside those of a step."""
    for option in reversed(JOB_OPTIONS):
        command = option(command)
    return step_options(command)


def job_command(job: Job) -> click.Command:
    """Return the command that runs a job, named as the job is."""
    names = ", then ".join(step.name for step in job.steps)

    @click.command(job.name, help=f"{job.purpose}\n\nThe steps are {names}.")
    @job_options
    def command(invocation: Invocation, dry_run: bool, engine: str | None) -> None:
        loaded = invocation.read_config(for_step=False)
        config = loaded.config
        if engine:
            config = override(config, engine={"kind": engine})
        if dry_run:
            print_forecast(job, invocation, config)
        else:
            workspace = Workspace.create(invocation.root)
            runner.run(job.name, job.steps, workspace, loaded, config)

    return command


def print_forecast(job: Job, invocation: Invocation, config: Config) -> None:
    """Print what a job would do; raise what it would go on without."""
    workspace = Workspace(invocation.root)
    if workspace.format.exists():
        workspace = Workspace.open(invocation.root)  # a dry run makes no workspace
    with Night(workspace, config) as night:
        expected = forecast(job.steps, night)
    click.echo("\n".join(expected.lines))
    if expected.failure:
        raise expected.failure


nightly = job_command(jobs.NIGHTLY)
retrain = job_command(jobs.RETRAIN)
housekeeping = job_command(jobs.HOUSEKEEPING)
pretrain = job_command(jobs.PRETRAIN)
