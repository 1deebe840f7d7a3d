"""Where apps keep their models: a folder for every kind of project, found by what marks a module of that kind."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from signport.errors import SignportError

MODELS = "models"
# Kind → where models go in a module of that kind. Compose Multiplatform packs raw files from composeResources/files
# only; an app reads them back with Res.readBytes("files/…") (kotlinlang.org, "Using multiplatform resources").
RESOURCES = {
    "Kotlin Multiplatform": Path("src/jvmMain/resources"),
    "Compose Multiplatform": Path("src/commonMain/composeResources/files"),
    "Android": Path("src/main/assets"),
    "JVM": Path("src/main/resources"),
    "web": Path("public"),
}
# The app that this tool was written for keeps its models in this module; an app that has it means it.
_FIRST = Path("core/mediapipe/src/jvmMain")
_BUILD_FILES = ("build.gradle.kts", "build.gradle", "pom.xml")
_DEPTH = 6
_NOT_SOURCES = frozenset({"build", "buildSrc", "dist", "node_modules", "out", "target", "venv"})
# Modules that build the app, or only list others, and are no part of it.
_BUILDS_THE_APP = re.compile(r"kotlin-dsl|java-gradle-plugin|java-platform|<packaging>\s*pom\s*<")
_MULTIPLATFORM = re.compile(r"multiplatform", re.IGNORECASE)
_ANDROID = re.compile(r"com\.android\.(application|library)|plugins\.android", re.IGNORECASE)


@dataclass(frozen=True, order=True)
class Candidate:
    """A folder that models could go to.

    Attributes:
        rank: 0 where the module is marked by a resources folder or a manifest, 1 where a build file and sources say
            what it is, 2 where there is a build file alone.
        models: The folder, there or not yet.
        kind: A key of `RESOURCES`.
    """

    rank: int
    models: Path
    kind: str


def models_folder(root: Path) -> Path:
    """The folder of an app's models, there or not yet; not resolved.

    Raises:
        SignportError: There is no place for it, or more than one.
    """
    if (root / _FIRST).is_dir():
        return root / _FIRST / "resources" / MODELS
    found = find_candidates(root)
    holding = [one for one in found if one.models.is_dir()]
    best = [one for one in found if one.rank == found[0].rank]
    chosen = holding if len(holding) == 1 else best
    if len(chosen) == 1:
        return chosen[0].models
    if not chosen:
        looked_for = ", ".join(f"{folder} ({kind})" for kind, folder in RESOURCES.items())
        raise SignportError(
            f"{root}: no place for models found (looked for a Gradle or Maven module and for {looked_for}); "
            "name a folder with --into"
        )
    names = ", ".join(f"{one.models.relative_to(root)} ({one.kind})" for one in sorted({*holding, *best}))
    raise SignportError(f"{root}: models could go to any of {names}; choose one with --into")


def find_candidates(root: Path) -> list[Candidate]:
    """Every folder of an app that models could go to, the surest first, then by path."""
    found: list[Candidate] = []
    modules: list[Path] = []
    for name, folders, files in os.walk(root):
        folder = Path(name)
        deep = len(folder.relative_to(root).parts) >= _DEPTH
        folders[:] = [] if deep else [one for one in folders if one not in _NOT_SOURCES and not one.startswith(".")]
        ranked = [(kind, 0) for kind in _marked(folder)] or _built(folder, files)
        found += [Candidate(rank, folder / RESOURCES[kind] / MODELS, kind) for kind, rank in ranked]
        if ranked:
            modules.append(folder)
            # What lies in a module's src are sources, whatever they look like: templates hold whole projects.
            folders[:] = [one for one in folders if one != "src"]
    return sorted(one for one in found if one.rank < 2 or not _holds_another(one, modules))


def _holds_another(bare: Candidate, modules: list[Path]) -> bool:
    """A build file without sources, above other modules, is that of the whole project."""
    folder = bare.models.parents[len(RESOURCES[bare.kind].parts)]
    return any(folder in module.parents for module in modules)


def _marked(folder: Path) -> list[str]:
    kinds = []
    if (folder / "src/jvmMain").is_dir():
        kinds.append("Kotlin Multiplatform")
    if (folder / "src/commonMain/composeResources").is_dir():
        kinds.append("Compose Multiplatform")
    if (folder / "src/main/AndroidManifest.xml").is_file() or (folder / "src/main/assets").is_dir():
        kinds.append("Android")
    elif (folder / "src/main/resources").is_dir():
        kinds.append("JVM")
    # Every JavaScript project has folders called public; only beside a package.json is it what is served.
    if (folder / "public").is_dir() and (folder / "package.json").is_file():
        kinds.append("web")
    return kinds


def _built(folder: Path, files: list[str]) -> list[tuple[str, int]]:
    """What the build file says of a module that has no resources yet."""
    name = next((one for one in _BUILD_FILES if one in files and (folder / one).is_file()), None)
    if name is None:
        return []
    text = (folder / name).read_text(encoding="utf-8", errors="replace")
    if _BUILDS_THE_APP.search(text):
        return []
    if _MULTIPLATFORM.search(text):
        kind, sources = "Kotlin Multiplatform", ["src/commonMain"]
    else:
        kind = "Android" if _ANDROID.search(text) else "JVM"
        sources = ["src/main/kotlin", "src/main/java"]
    if any((folder / one).is_dir() for one in sources):
        return [(kind, 1)]
    return [] if (folder / "src").exists() else [(kind, 2)]
