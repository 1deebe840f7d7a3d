import pytest

from signport.errors import SignportError
from signport.service.settings import read_settings


@pytest.fixture(autouse=True)
def empty_place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_command_line_wins_over_the_environment_and_that_over_the_file(empty_place, monkeypatch):
    (empty_place / ".env").write_text("ASL_CLASSIFIER_PATH=from-file\nASL_MAX_NUM_HANDS=2\nASL_FORMAT=float16\n")
    monkeypatch.setenv("ASL_FORMAT", "dynamic")
    monkeypatch.setenv("ASL_CLASSIFIER_PATH", "from-environment")
    settings = read_settings(classifier_path="from-command-line", format=None)
    assert str(settings.classifier_path) == "from-command-line"
    assert (settings.format, settings.max_num_hands) == ("dynamic", 2)


def test_int8_is_served_unless_told_otherwise():
    assert read_settings(classifier_path="run").format == "int8"


@pytest.mark.parametrize(
    ("variable", "value", "cause"),
    [
        ("ASL_MIN_DETECTION_CONFIDENCE", "1.5", "less than or equal to 1"),
        ("ASL_MAX_NUM_HANDS", "none", "valid integer"),
        ("ASL_MAX_UPLOAD_BYTES", "10MB", "valid integer"),
        ("ASL_REQUEST_TIMEOUT", "0", "greater than 0"),
        ("ASL_FORMAT", "int4", "'float32', 'float16', 'dynamic' or 'int8'"),
        ("ASL_CORS_ORIGINS", "https://a.org,*", "'*' is no origin"),
        ("ASL_CORS_ORIGINS", "example.org", "'example.org' is no origin"),
    ],
)
def test_a_wrong_setting_is_named_with_its_value(variable, value, cause, monkeypatch):
    monkeypatch.setenv(variable, value)
    with pytest.raises(SignportError) as raised:
        read_settings(classifier_path="run")
    message = str(raised.value)
    assert message.startswith(f"{variable} '{value}': ") or variable == "ASL_CORS_ORIGINS"
    assert message.startswith(variable)
    assert cause in message
    assert "correct it" in message
    assert "\n" not in message


def test_a_wrong_key_is_not_repeated(monkeypatch):
    monkeypatch.setenv("ASL_API_KEY", "two words")
    with pytest.raises(SignportError, match=r"ASL_API_KEY: use letters") as raised:
        read_settings(classifier_path="run")
    assert "words" not in str(raised.value)


def test_a_key_is_never_printed():
    settings = read_settings(classifier_path="run", api_key="secret-123")
    assert "secret-123" not in f"{settings} {settings!r}"


def test_no_model_is_told_with_both_ways_to_name_one(monkeypatch):
    monkeypatch.setenv("ASL_CLASSIFIER_PATH", "")
    with pytest.raises(SignportError, match=r"signport serve RUN\) or set ASL_CLASSIFIER_PATH"):
        read_settings()


def test_origins_are_separated_by_commas(monkeypatch):
    monkeypatch.setenv("ASL_CORS_ORIGINS", "https://a.org/, http://localhost:3000")
    assert read_settings(classifier_path="run").cors_origins == ("https://a.org", "http://localhost:3000")
