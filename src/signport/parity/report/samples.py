"""The samples on which a file is furthest from its float model, drawn, with both answers."""

import numpy as np

from signport.parity.job import Job
from signport.parity.report.charts import form_class
from signport.parity.report.figures import Pictured, landmark_input, sample_errors, worst_rows
from signport.parity.report.markup import Child, Markup, tag
from signport.parity.report.skeletons import stick_figure
from signport.parity.report.words import error_text, percent_text

_MOST = 6
_CLASSES_SHOWN = 3


def worst_cards(job: Job, chosen: Pictured) -> list[Markup]:
    """A card a sample, the worst first: stick figure, truth, the float model's and the file's best answers."""
    reference, labels, names = job.reference[job.real], job.labels[job.real], job.sample_ids[job.real]
    drawable = landmark_input(job)
    errors = sample_errors(reference, chosen.output)
    cards = []
    for row in worst_rows(reference, chosen.output, _MOST):
        truth = _class_name(job, int(labels[row])) if labels[row] >= 0 else ""
        name = f"{names[row]}, {truth}" if truth else str(names[row])
        picture = stick_figure(drawable[0][row], drawable[1], name) if drawable else None
        head = [tag("b", truth or str(names[row])), tag("span", f"error {_error(errors[row])}", class_="error")]
        parts: list[Child] = [picture, tag("h4", head)]
        number = tag("span", str(names[row]), class_="sub")
        if job.output == "probabilities":
            parts += [_scores(job, reference[row], "float", "keras")]
            parts += [_scores(job, chosen.output[row], chosen.file.form, chosen.file.form)]
            parts.append(tag("p", _verdict(reference[row], chosen.output[row]), " · ", number))
        else:
            parts += [_embedding_answers(reference[row], chosen.output[row]), tag("p", number)]
        wide = drawable is not None and drawable[0].shape[1] > 1
        cards.append(tag("article", parts, class_="sample wide" if wide else "sample"))
    return cards


def _verdict(reference: np.ndarray, answer: np.ndarray) -> Markup:
    if np.isfinite(answer).all() and int(reference.argmax()) == int(answer.argmax()):
        return tag("span", "same answer", class_="sub")
    return tag("span", "answers differ", class_="broken")


def _scores(job: Job, values: np.ndarray, name: str, form: str) -> Markup:
    """The best classes with their scores, as bars."""
    if not np.isfinite(values).all():
        return tag("p", f"{name}: NaN or infinity", class_="broken")
    body = []
    for rank, index in enumerate(np.argsort(-values, kind="stable")[: min(_CLASSES_SHOWN, len(values))]):
        score = float(values[index])
        bar = tag("span", class_=f"meter {form_class(form)}", style=f"width:{100 * min(max(score, 0), 1):.1f}%")
        label = tag("th", _class_name(job, int(index)), scope="row", class_="best" if rank == 0 else None)
        body.append(tag("tr", label, tag("td", bar), tag("td", percent_text(score))))
    return tag("table", tag("caption", name), body, class_="scores")


def _embedding_answers(reference: np.ndarray, answer: np.ndarray) -> Markup:
    a, b = reference.astype(np.float64), answer.astype(np.float64)
    norms = float(np.linalg.norm(a) * np.linalg.norm(b))
    if not np.isfinite(norms):
        return tag("p", "NaN or infinity", class_="broken")
    cosine = float(a @ b) / norms if norms else float("nan")
    return tag(
        "p", f"cosine {cosine:.5f}; length {np.linalg.norm(a):.3g} in float, {np.linalg.norm(b):.3g} in the file"
    )


def _class_name(job: Job, index: int) -> str:
    classes = job.card["classes"]
    return str(classes[index]) if index < len(classes) else f"class {index}"


def _error(value: float) -> str:
    return error_text(value) if np.isfinite(value) else "∞"
