"""`mq advise`: the kind of thing that a workload wants, and why."""

from collections.abc import Mapping
from inspect import Parameter, Signature
from typing import Annotated, Any

import typer

from mq.cli.context import Context, current_context, is_typed
from mq.cli.output import Format
from mq.commands import SingleCommand
from mq.commands.operations.loading import load_here
from mq.text.advice import advice_document, advice_lines
from mq.text.landing import landing_document, landing_lines
from mq.text.strict_json import parse_json
from mq.write.inputs import opened
from store.advice.advice import advise as judge
from store.advice.placements import TITLES
from store.advice.questions import QUESTIONS, Question, assumed, read_answer, read_workload
from store.advice.workload import Workload
from store.api.places import rules_of
from store.engine.landing import Landing, land
from store.model.errors import BadInput
from store.model.text import without_mark
from store.topology.writing import yaml as topology_yaml, yaml_of

app = SingleCommand()


def _options() -> list[Parameter]:
    """Return an option for each question; yes and no are a flag and its opposite."""
    return [_option(question) for question in QUESTIONS]


def _option(question: Question) -> Parameter:
    name, flag = question.field, question.field.replace("_", "-")
    help = f"{question.text} ({question.assumed})"
    kind: Any = str | None
    if question.form == "yes|no":
        kind, option = bool | None, typer.Option(f"--{flag}/--no-{flag}", help=help)
    else:
        option = typer.Option(f"--{flag}", metavar=question.form, help=help)
    return Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind, option])


def advise(
    file: Annotated[
        str | None,
        typer.Argument(metavar="[FILE]", help="Answers as a JSON object; - is stdin."),
    ] = None,
    yaml: Annotated[
        bool, typer.Option("--yaml", help="Only the things to create, for mq apply -.")
    ] = False,
    engine: Annotated[
        str | None,
        typer.Option("--for", metavar="ENGINE", help="Landing on file, rabbitmq, kafka or sqs."),
    ] = None,
    **answers: Any,
) -> None:
    """Say whether a workload wants a log, a share, a queue or several, and what decides it.

    It asks on a terminal; elsewhere options, a file or stdin answer, and options win over the file.
    Missing answers are assumed, and the output says so. The fields of the file are the long options
    with _ for -.

    With a store at hand it also says at how many percent of what this machine does that store is:
    the last ten minutes, beside a probe of 0.3 s in a temporary store in the same folder.

    With --for it says how an engine has each answer (native, composed, absent and what to do), and
    the things to create are those that plan cleanly there; what is left out is named.
    """
    context = current_context()
    given = {name: answer for name, answer in answers.items() if answer is not None}
    if file is not None or not given:
        given = _from_elsewhere(context, file) | given
    workload = read_workload(given)
    advice = judge(workload)
    if engine is not None:
        _show_landing(context, workload, land(workload, advice, rules_of(engine)), yaml=yaml)
    elif yaml:
        context.output.text(f"# {workload.name}: {advice.title}")
        context.output.text(yaml_of(advice.topology))
    elif context.output.format is Format.TABLE:
        for style, line in advice_lines(workload, advice, assumed(given), load_here(context)):
            context.output.text(line, style=style)
    else:
        context.output.document(advice_document(advice, assumed(given), load_here(context)))


def _show_landing(context: Context, workload: Workload, landing: Landing, *, yaml: bool) -> None:
    if yaml:
        context.output.text(f"# {workload.name}: {TITLES[landing.place]}")
        for one in landing.left_out:
            context.output.text(f"# left out: {one}")
        context.output.text(topology_yaml(landing.topology))
    elif context.output.format is Format.TABLE:
        for style, line in landing_lines(workload, landing):
            context.output.text(line, style=style)
    else:
        context.output.document(landing_document(landing))


def _command() -> Any:
    """Return the function with the options of all questions in its signature, where Typer looks."""
    own = [
        parameter
        for parameter in Signature.from_callable(advise, eval_str=True).parameters.values()
        if parameter.kind is not Parameter.VAR_KEYWORD
    ]
    parameters = [*own, *_options()]
    advise.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    advise.__annotations__ = {one.name: one.annotation for one in parameters}
    return advise


def _from_elsewhere(context: Context, file: str | None) -> dict[str, Any]:
    if file is None and is_typed():
        return _ask(context)
    if file in {"yes", "no"}:
        raise BadInput(
            f"{file!r} is not a file: a question of yes or no is a flag",
            hint="--replay is yes, --no-replay is no",
        )
    with opened(file) as source:
        text = without_mark(source.read())
    answers = parse_json(text) if text.strip() else {}
    if not isinstance(answers, Mapping):
        raise BadInput("the answers are not a JSON object", hint='{"replay": true, "readers": 3}')
    if not answers:
        raise BadInput(
            "nothing is known of the workload",
            hint="mq advise --replay --readers 3 --peak-rate 500/s --processing 20ms",
        )
    return dict(answers)


def _ask(context: Context) -> dict[str, Any]:
    if context.no_input:
        raise BadInput("no terminal to ask about the workload on", hint="mq advise --help")
    say = context.diagnostics
    say.note("Enter takes what stands in brackets, . takes it for all that is left.")
    answers: dict[str, Any] = {}
    for question in QUESTIONS:
        if not question.asked:
            continue
        text = _answer(context, question)
        if text == ".":
            break
        if text:
            answers[question.field] = text
    return answers


def _answer(context: Context, question: Question) -> str:
    """Return the person's answer, once it can be read; `.` for no more questions."""
    say = context.diagnostics
    for line in ("", question.text, f"  {question.meaning}"):
        say.relay(line)
    while True:
        text = say.ask(f"  {question.form} [{question.assumed}]: ")
        if text in {"", "."}:
            return text
        try:
            read_answer(question, text)
        except BadInput as error:
            say.relay(f"  {error.message}: {error.shell_hint}")
        else:
            return text


app.command()(_command())
