"""The phrase table counts what it should: a recogniser that hears what the test says."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from layers.capture.types import FloatArray
from layers.evaluation.manifest import ManifestError
from layers.evaluation.phrase import (
    PhraseTable,
    common_vocabulary,
    evaluate_phrase,
    phrase_rows,
)
from layers.evaluation.phrase_trials import CHANGED_PER_RECORDING, MORE_PER_RECORDING, Trial
from layers.voice.recogniser import Transcript, Vocabulary
from service.demo.speech import speak_words, write_wav
from verdict.policy import load_policy

SPOKEN = ("tiger coffee machine", "zebra salad eagle")
HEADER = "path,label,source,speaker,language,text,truncated,use\n"


@dataclass
class Hears:
    """Hears the same words in every recording, and counts how often it listens."""

    words: str
    name: str = "hears"
    digest: str = ""
    listened: int = 0

    def transcribe(self, samples: FloatArray, vocabulary: Vocabulary) -> Transcript:
        self.listened += 1
        return Transcript(tuple(self.words.split()), 1.0)


@dataclass
class Keeps(Hears):
    """Keeps the vocabularies that it was given."""

    given: list[Vocabulary] = field(default_factory=list)

    def transcribe(self, samples: FloatArray, vocabulary: Vocabulary) -> Transcript:
        self.given.append(vocabulary)
        return Hears.transcribe(self, samples, vocabulary)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("phrases")
    lines = []
    for k, words in enumerate(SPOKEN):
        write_wav(speak_words(words), folder / f"{k}.wav")
        lines.append(f"{k}.wav,bonafide,made,s{k},en,{words},0,spoof+phrase\n")
    lines.append("2.wav,bonafide,made,s2,en,cut off in the,1,spoof+phrase\n")
    lines.append("3.wav,bonafide,made,s3,en,not for this,0,spoof\n")
    path = folder / "manifest.csv"
    path.write_text(HEADER + "".join(lines))
    return path


def counts(table: PhraseTable) -> dict[Trial, tuple[int, int]]:
    return {rate.trial: (rate.accepted, rate.n) for rate in table.rates if rate.group == "all"}


def test_only_whole_transcripts_are_taken(manifest: Path) -> None:
    assert [row.text for row in phrase_rows(manifest)] == list(SPOKEN)
    assert {row.group for row in phrase_rows(manifest)} == {"real made"}


def test_a_manifest_without_transcripts_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text(HEADER)
    with pytest.raises(ManifestError, match="no row with a whole transcript"):
        phrase_rows(tmp_path / "m.csv")


def test_right_and_wrong_phrases_are_counted_apart(manifest: Path) -> None:
    hears = Hears(SPOKEN[0])
    table = evaluate_phrase(phrase_rows(manifest), hears, load_policy(), seed=3)
    assert counts(table) == {
        Trial.RIGHT: (1, 2),
        Trial.ONE_WORD: (0, 2 * CHANGED_PER_RECORDING),
        Trial.ONE_MORE: (0, 2 * MORE_PER_RECORDING),
        Trial.ONE_LESS: (0, 2),
        Trial.ORDER: (0, 2),
        Trial.OTHER: (1, 2),  # the second recording is heard as the first's words
        Trial.SILENCE: (0, 2),
        Trial.NOISE: (0, 2),
        Trial.HUM: (0, 2),
    }
    assert hears.listened == 2 * 3  # once per recording and length: the words change nothing
    right = next(rate for rate in table.rates if rate.trial is Trial.RIGHT)
    assert (right.recordings, right.speakers, right.phrases) == (2, 2, 2)
    assert right.interval == pytest.approx((0.0126, 0.9874), abs=1e-3)


def test_the_same_seed_gives_the_same_table(manifest: Path) -> None:
    rows = phrase_rows(manifest)
    tables = [evaluate_phrase(rows, Hears(SPOKEN[1]), load_policy(), seed=5) for _ in range(2)]
    assert tables[0] == tables[1]


def test_phrases_from_no_list_are_heard_among_the_words_of_all_recordings(tmp_path: Path) -> None:
    write_wav(speak_words(SPOKEN[0]), tmp_path / "0.wav")
    line = "0.wav,bonafide,made,s0,en,open the green door,0,phrase\n"
    (tmp_path / "m.csv").write_text(HEADER + line)
    rows = phrase_rows(tmp_path / "m.csv")
    words = common_vocabulary(rows)
    assert {"open", "the", "green", "door", "tiger"} <= set(words)
    kept = Keeps("open the green door")
    table = evaluate_phrase(rows, kept, load_policy(), vocabulary=words)
    assert counts(table)[Trial.RIGHT] == (1, 1)
    assert {vocabulary.words for vocabulary in kept.given} == {words}
    kept = Keeps("open the green door")
    evaluate_phrase(rows, kept, load_policy())
    assert all(vocabulary.is_open for vocabulary in kept.given)
