"""What every capture does around its detector: journal, progress, what was skipped, the cache at the end."""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from signport.datasets.cache import CacheHeader, LandmarkCache, Sample, Skipped, check_cache_path
from signport.datasets.capture_journal import CaptureJournal
from signport.datasets.class_folders import FoundFile
from signport.errors import SignportError
from signport.progress import progress_bar

Answer = dict[str, Any]


@dataclass
class Tally:
    """How far a capture has come.

    Attributes:
        statuses: Number of files by status.
        frames: Number of frames in them.
    """

    statuses: Counter[str] = field(default_factory=Counter)
    frames: int = 0

    def add(self, answer: Answer) -> None:
        self.statuses[answer["status"]] += 1
        self.frames += answer.get("num_frames", 0)


@dataclass(frozen=True)
class Capture:
    """One way to get landmarks out of files.

    Attributes:
        title: What the progress bar says: `capture hands`.
        unit: What a file is, in the plural: `images`.
        topology: Name of the landmark layout.
        extractor: The cache header's account of detector, version, models and options; everything that, apart from the
            file, decides an answer.
        found: The status of a file that gives a sample; any other status is the reason why it gives none.
        detect: Yields index and answer of each of the files; an answer holds at least `status`.
        sample: Makes the sample of an answer: file, answer, the file's path relative to the cache → sample.
        counted: Says in a few words how far things have come.
        advice: What the user can do about a class that comes out empty.
    """

    title: str
    unit: str
    topology: str
    extractor: dict[str, Any]
    found: str
    detect: Callable[[list[Path]], Iterator[tuple[int, Answer]]]
    sample: Callable[[FoundFile, Answer, str], Sample]
    counted: Callable[[Tally], str]
    advice: str


def check_capture(output: Path, workers: int) -> None:
    """Checks, before any work is done, what every capture is given.

    Raises:
        SignportError: `output` is no name for a cache, or `workers` is less than 1.
    """
    check_cache_path(output)
    if workers < 1:
        raise SignportError(f"workers is {workers}; give 1 or more")


def capture_files(
    capture: Capture,
    source: Path,
    files: Sequence[FoundFile],
    output: Path,
    *,
    classes: Sequence[str] | None = None,
    passed_over: Sequence[Skipped] = (),
) -> LandmarkCache:
    """Looks at every file and writes what was found as a cache.

    What is finished stands in a journal beside the output (`OUT.parquet.partial/`) until the cache is written.

    Args:
        capture: What to do with a file.
        source: Where the files were found: a folder that holds one folder a class, or a list of files.
        files: The files.
        output: The cache to write.
        classes: Class names in the order of their indices; None takes those of the files, sorted.
        passed_over: Inputs that were not even looked at, for the header.

    Raises:
        SignportError: A class comes out empty, a worker died, or the output cannot be written.
    """
    with CaptureJournal(output.with_name(output.name + ".partial"), capture.extractor) as journal:
        answers = _detect(capture, files, journal)
        skipped = [
            Skipped(file.name, file.label, answers[file.name]["status"])
            for file in files
            if answers[file.name]["status"] != capture.found
        ]
        _refuse_empty_classes(capture, source, files, skipped)
        header = CacheHeader(
            capture.topology,
            tuple(classes) if classes else tuple(sorted({file.label for file in files})),
            capture.extractor,
            tuple(sorted([*skipped, *passed_over], key=lambda entry: entry.source)),
        )
        samples = [
            capture.sample(file, answers.pop(file.name), Path(os.path.relpath(file.path, output.parent)).as_posix())
            for file in files
            if answers[file.name]["status"] == capture.found
        ]
        cache = LandmarkCache.from_samples(samples, header).write(output)
        journal.remove()
    return cache


def _detect(capture: Capture, files: Sequence[FoundFile], journal: CaptureJournal) -> dict[str, Answer]:
    """Answers by file name: from the journal, and for the rest from the detector."""
    answers = {file.name: known for file in files if (known := journal.known(file.name, file.stamp)) is not None}
    rest = [file for file in files if file.name not in answers]
    tally = Tally()
    for answer in answers.values():
        tally.add(answer)
    with progress_bar(capture.title, len(files), unit=capture.unit, done=len(answers)) as bar:
        bar.advance(0, capture.counted(tally))
        for index, answer in capture.detect([file.path for file in rest]):
            file = rest[index]
            journal.add(file.name, file.stamp, answer)
            answers[file.name] = answer
            tally.add(answer)
            bar.advance(1, capture.counted(tally))
    return answers


def _refuse_empty_classes(capture: Capture, source: Path, files: Sequence[FoundFile], skipped: list[Skipped]) -> None:
    total = Counter(file.label for file in files)
    lost = Counter(entry.label for entry in skipped)
    empty = [name for name in sorted(total) if total[name] == lost[name]]
    if empty:
        reasons = Counter(entry.reason for entry in skipped if entry.label == empty[0])
        why = ", ".join(f"{count} x {reason}" for reason, count in reasons.most_common())
        others = f" (the same in: {', '.join(empty[1:])})" if empty[1:] else ""
        place = source / empty[0] if source.is_dir() else source
        raise SignportError(f"{place}: class {empty[0]!r} comes out empty, {why}{others}; {capture.advice}")
