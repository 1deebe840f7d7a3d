"""The targets: each is one module with a `TARGET`, and one line here."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from signport.errors import SignportError
from signport.parity.answers import Options, RuntimeAnswers
from signport.parity.job import Job


@dataclass(frozen=True)
class Target:
    """A kind of machine that files are deployed to.

    Attributes:
        name: What the command line and reports call it.
        run: (job, options) → what each of its runtimes answered.
    """

    name: str
    run: Callable[[Job, Options], list[RuntimeAnswers]]


_MODULES = {
    "desktop": "signport.parity.desktop",
    "browser": "signport.parity.browser.target",
    "arm64": "signport.parity.arm64.target",
    "android": "signport.parity.android.target",
    "jvm": "signport.parity.jvm.target",
}


def target_names() -> tuple[str, ...]:
    """Names of all targets."""
    return tuple(_MODULES)


def target_named(name: str) -> Target:
    """Returns a target.

    Raises:
        SignportError: There is no such target.
    """
    if name not in _MODULES:
        raise SignportError(f"--targets {name!r}: unknown; choose from: {', '.join(_MODULES)}")
    target: Target = import_module(_MODULES[name]).TARGET
    return target
