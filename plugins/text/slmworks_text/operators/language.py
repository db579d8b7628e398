"""`language`: the language of a row, by which it is kept, dropped or sliced."""

from functools import cache
from typing import Any, ClassVar, Self

from pydantic import Field, NonNegativeInt, model_validator

from slmworks.contract.errors import did_you_mean
from slmworks.curate.operator import Dropped, Kept, RowOperator, TextRow

LANGUAGES = (
    "ace", "af", "am", "an", "ar", "ary", "arz", "as", "az", "ba", "bcl", "be", "bg", "bn", "br", "bs",
    "ca", "crh", "cs", "cy", "da", "de", "dz", "el", "en", "eo", "es", "et", "eu", "ext", "fa", "fi",
    "fo", "fr", "fuv", "fy", "ga", "gcf", "gcr", "gd", "gl", "gom", "grc", "gu", "gug", "guw", "ha",
    "hbo", "he", "hi", "hr", "ht", "hu", "hy", "id", "ig", "is", "it", "ja", "jv", "ka", "kab", "kik",
    "kk", "km", "kn", "ko", "ku", "ky", "la", "lb", "lg", "lij", "ln", "lo", "lt", "ltg", "lv", "mg",
    "mk", "ml", "mn", "mr", "ms", "mt", "my", "ne", "nl", "nn", "no", "nso", "oc", "om", "or", "pa",
    "pcm", "pl", "ps", "pt", "qu", "ro", "ru", "rw", "sa", "sdh", "se", "si", "sk", "sl", "sn", "so",
    "sq", "sr", "st", "sv", "sw", "ta", "te", "tg", "th", "tk", "tl", "tr", "tt", "ug", "uk", "ur",
    "uz", "uzs", "vec", "vi", "vo", "wa", "wuu", "xh", "yo", "yue", "zh", "zu",
)  # fmt: skip
"""ISO 639 codes of the languages in the model of py3langid; its `zxx`, no language at all, is `unknown`."""
UNKNOWN = "unknown"
NONE = "zxx"


class Language(RowOperator):
    """Keep or drop rows by their language, or make it part of their source (Lui and Baldwin, 2012).

    By py3langid, whose model comes with it (BSD licence); nothing is fetched. A word or two belong to several
    languages: name those that occur with `among`, or a length from which rows are judged with `min_chars`.
    """

    depends_on: ClassVar[tuple[str, ...]] = ("py3langid",)

    keep: tuple[str, ...] = ()
    """Languages (ISO 639: `en`, `de`) whose rows stay; empty: all."""
    drop: tuple[str, ...] = ()
    """Languages whose rows are dropped."""
    among: tuple[str, ...] = ()
    """Languages that the data can be in: no other is found, and short texts are told better; empty: all."""
    min_confidence: float = Field(default=0.0, ge=0, lt=1)
    """Probability below which a row's language is `unknown`; `keep` and `drop` can name that."""
    min_chars: NonNegativeInt = 0
    """Rows with fewer characters stay, and their language is `unknown`."""
    tag: bool = False
    """The source of a row becomes `SOURCE:LANGUAGE`, so that quality is sliced by language."""

    @model_validator(mode="after")
    def _languages_are_known(self) -> Self:
        for option in ("keep", "drop", "among"):
            for code in getattr(self, option):
                known = LANGUAGES if option == "among" else (*LANGUAGES, UNKNOWN)
                if code not in known:
                    raise ValueError(
                        f"{option}: no language '{code}' in the model. {did_you_mean(code, known)}"
                    )
        if not (self.keep or self.drop or self.tag):
            raise ValueError("say what to do: keep: [en], drop: [de] or tag: true")
        if both := set(self.keep) & set(self.drop):
            raise ValueError(f"{', '.join(sorted(both))}: both kept and dropped")
        return self

    def apply(self, row: TextRow) -> Dropped | Kept | None:
        """Dropped, or counted by language."""
        text = row.text
        if len(text) < self.min_chars:
            return self._tagged(row, UNKNOWN)
        code, probability = _identifier(self.among).classify(text)
        found = UNKNOWN if code == NONE or probability < self.min_confidence else code
        if found in self.drop or (self.keep and found not in self.keep):
            wanted = f"not {' or '.join(self.keep)}" if self.keep else f"{found}"
            return Dropped(wanted, f"{code}, probability {probability:.2f}")
        return self._tagged(row, found)

    def _tagged(self, row: TextRow, code: str) -> Kept:
        return Kept(source=f"{row.source}:{code}" if self.tag else None, found={code: 1})


@cache
def _identifier(among: tuple[str, ...]) -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    found = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    if among:
        found.set_languages(list(among))
    return found
