import re

import pytest

from signport.errors import SignportError
from signport.export.app.kotlin_names import check_package, class_name, comment, entry_names, string_literal


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("A", "A"),
        ("7", "LABEL_7"),
        ("Thumb_Up", "THUMB_UP"),
        ("thank you!", "THANK_YOU"),
        ("Größe", "GROSSE"),
        ("Ærø", "AERO"),
        ("Łódź", "LODZ"),
        ("İstanbul", "ISTANBUL"),
        ("class", "CLASS"),
        ("안녕", "안녕"),
        ("が", "が"),
        ("привет", "ПРИВЕТ"),
        ("३ times", "LABEL_3_TIMES"),
        ("x²", "X2"),
        ("👋", "LABEL"),
        ("--", "LABEL"),
        ("_a_", "A"),
    ],
)
def test_a_label_becomes_an_identifier(label, name):
    assert entry_names([label]) == [name]


def test_entries_are_all_different_and_earlier_ones_keep_theirs():
    labels = ["a", "A", "A_2", "ä", "1", "label 1", "👋", "👍", "LABEL_2"]
    names = entry_names(labels)
    assert names == ["A", "A_3", "A_2", "A_4", "LABEL_1", "LABEL_1_2", "LABEL", "LABEL_3", "LABEL_2"]
    assert len(set(names)) == len(labels)


@pytest.mark.parametrize("package", ["com.example.signs", "a", "_a.b1.C_"])
def test_a_package_is_taken(package):
    check_package(package)


@pytest.mark.parametrize(
    ("package", "why"),
    [
        ("", "a part of it is empty"),
        ("com..signs", "a part of it is empty"),
        ("com.example.", "a part of it is empty"),
        ("com.my-app", "'my-app' is no identifier"),
        ("com.1st", "'1st' is no identifier"),
        ("com/example", "'com/example' is no identifier"),
        ("../../etc", "a part of it is empty"),
        ("com.example\n", r"'example\\n' is no identifier"),
        ("com._", "'_' is no identifier"),
        ("com.fun.signs", "'fun' is a Kotlin keyword"),
        ("kotlin.signs", "'kotlin' is the language's own"),
    ],
)
def test_what_is_no_package_is_refused(package, why):
    on_one_line = re.escape(package.replace("\n", " "))
    with pytest.raises(SignportError, match=f"--package {on_one_line}: {why}"):
        check_package(package)


def test_a_literal_is_exactly_the_text():
    assert string_literal('say "hi" for $5 \\o/') == r'"say \"hi\" for \$5 \\o/"'
    assert string_literal("a\tb\u202e\ud800Ä안") == r'"a\u0009b\u202e\ud800Ä안"'
    assert string_literal("\U000e0001") == r'"\udb40\udc01"'


def test_a_comment_stays_one():
    assert comment("a */ b /* c\n d\u2028e") == "a * / b / * c d e"


def test_a_class_is_named_after_its_family():
    assert [class_name(name) for name in ("mlp", "gesture_head", "int8")] == ["Mlp", "GestureHead", "Int8"]
