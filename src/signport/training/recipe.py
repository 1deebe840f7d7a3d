"""Recipes: everything that decides how a model is trained, in one commented YAML file."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import yaml

from signport.errors import SignportError, require
from signport.files import sha256_bytes
from signport.models.registry import family_named
from signport.training.recipe_sections import (
    DataRecipe,
    LoggingRecipe,
    QuantizationRecipe,
    TrainingRecipe,
)
from signport.training.settings import expand_variables, from_mapping, override, read_mapping, to_mapping


@dataclass(frozen=True)
class Recipe:
    """A training recipe with every value resolved.

    Attributes:
        name: What runs are called after.
        family: The kind of model.
        seed: Decides the split, the augmentation, the initial weights, the order of batches and the dropout.
        device: `cpu`, `gpu`, or `auto` for a GPU where TensorFlow sees one.
        runs: The folder of all runs, where `--runs` names none.
        model: The family's own settings, an instance of its `config` class.
        data: What is trained on.
        training: How the weights are found.
        quantization: How the int8 model is made.
        gates: Gate → bound: those of the family's `Gates` that this model's files are held to more strictly.
        logging: Where progress is written.
    """

    name: str
    family: str
    seed: int = 0
    device: Literal["auto", "cpu", "gpu"] = "auto"
    runs: str = "runs"
    model: Any = None
    data: DataRecipe = field(default_factory=DataRecipe)
    training: TrainingRecipe = field(default_factory=TrainingRecipe)
    quantization: QuantizationRecipe = field(default_factory=QuantizationRecipe)
    gates: Mapping[str, float] = field(default_factory=dict)
    logging: LoggingRecipe = field(default_factory=LoggingRecipe)

    def __post_init__(self) -> None:
        require(self.seed >= 0, "seed", self.seed, "at least 0")
        require(bool(self.runs), "runs", repr(self.runs), "a folder")
        family = family_named(self.family)
        if self.training.trainer == "model-maker" and family.fits_task != "head":
            raise SignportError(
                f"training.trainer: model-maker; it trains gesture heads only, not family {self.family!r}; use signport"
            )
        family.gates.tightened(self.gates, "gates.")
        object.__setattr__(self, "model", self._of_family("model", self.model, family.config))
        augmentation = self._of_family("data.augmentation", self.data.augmentation, family.augmentation)
        object.__setattr__(self, "data", replace(self.data, augmentation=augmentation))

    def _of_family(self, key: str, value: Any, kind: type[Any]) -> Any:
        """A section whose class the family decides; its defaults where there is none."""
        if value is None:
            return kind()
        if not isinstance(value, kind):
            raise SignportError(f"{key}: {value!r}; family {self.family!r} takes a {kind.__name__}")
        return value

    def to_yaml(self) -> str:
        """The recipe as YAML that `load_recipe` reads back to an equal recipe."""
        return yaml.safe_dump(to_mapping(self), sort_keys=False, allow_unicode=True)

    @property
    def digest(self) -> str:
        """SHA-256 of everything that decides the weights (not: places, devices, logging, quantization, gates)."""
        decides = to_mapping(self)
        for section in ("device", "runs", "logging", "quantization", "gates"):
            del decides[section]
        del decides["data"]["cache"], decides["training"]["keep_checkpoints"], decides["training"]["strategy"]
        return sha256_bytes(json.dumps(decides, sort_keys=True).encode())


def recipe_names() -> tuple[str, ...]:
    """Names of the recipes that come with signport."""
    folder = resources.files("signport.training") / "recipes"
    return tuple(sorted(Path(entry.name).stem for entry in folder.iterdir() if entry.name.endswith(".yaml")))


def load_recipe(name_or_path: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """Reads a recipe.

    Args:
        name_or_path: A name of `recipe_names()`, or the path of a YAML file.
        overrides: `section.key=value`, applied in this order over the file.

    Raises:
        SignportError: No such recipe, an unknown key, a wrong type or value, or an undefined `$VARIABLE`.
    """
    path = _recipe_path(str(name_or_path))
    # What is wrong in a recipe that comes with signport was set by an override: its file is nobody's to correct.
    where = f"recipe {name_or_path}" if name_or_path in recipe_names() else str(path)
    return _build({"name": path.stem, **read_mapping(path)}, overrides, where)


def with_overrides(recipe: Recipe, overrides: Sequence[str]) -> Recipe:
    """The recipe with `section.key=value` applied, in this order; raises as `load_recipe`."""
    return _build(expand_variables(to_mapping(recipe), recipe.name), overrides, recipe.name) if overrides else recipe


def _build(mapping: dict[str, Any], overrides: Sequence[str], where: str) -> Recipe:
    for assignment in overrides:
        override(mapping, assignment)
    if "family" not in mapping:
        raise SignportError(f"{where}: family: missing; name the kind of model")
    family = family_named(str(mapping["family"]))
    model = _pop_section(mapping, "model", family.config, where)
    data = mapping.get("data")
    held = data if isinstance(data, dict) else {}  # what else it may be, is refused with the other sections
    augmentation = _pop_section(held, "augmentation", family.augmentation, where, "data.")
    recipe: Recipe = from_mapping(Recipe, mapping, where)
    return replace(recipe, model=model, data=replace(recipe.data, augmentation=augmentation))


def _pop_section(mapping: dict[str, Any], name: str, kind: type[Any], where: str, prefix: str = "") -> Any:
    """Takes a section, whose class the family decides, out of a mapping; its defaults where there is none."""
    section = mapping.pop(name, None) or {}
    if not isinstance(section, dict):
        raise SignportError(f"{where}: {prefix}{name}: {section!r}; expected a section of keys and values")
    return from_mapping(kind, section, where, f"{prefix}{name}.")


def _recipe_path(name_or_path: str) -> Path:
    if name_or_path in recipe_names():
        return Path(str(resources.files("signport.training") / "recipes" / f"{name_or_path}.yaml"))
    path = Path(name_or_path)
    if not path.is_file():
        raise SignportError(
            f"recipe {name_or_path!r}: no such file; give a YAML file or one of: {', '.join(recipe_names())}"
        )
    return path
