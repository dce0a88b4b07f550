"""One phone number, the notations a CRM may hold it in, and whether a stored number is it."""

from __future__ import annotations

from dataclasses import dataclass

from connectors.kit.contract import Match


@dataclass(frozen=True, slots=True)
class Phone:
    """`e164` (`+13175550142`), `digits` of it, and the number as written inside its country: `national`
    (`(317) 555-0142`) and `national_digits` (`3175550142`)."""

    e164: str
    digits: str
    national: str
    national_digits: str
    country: str

    @property
    def notations(self) -> tuple[str, ...]:
        """How a CRM may hold it, the likeliest first, each once."""
        return tuple(dict.fromkeys((self.e164, self.digits, self.national, self.national_digits)))


def parse(text: str, country: str = "US") -> Phone | None:
    """The number, however it is written; None when it is none, or one that nobody can be called back on."""
    raise NotImplementedError


def match(phone: Phone, stored: str, country: str = "US") -> Match | None:
    """Whether `stored` is the number: `exact` when it says so with its country, `suffix` when it leaves the
    country (or more) out and the rest is the same; None for another number, above all for one that ends
    alike in another country."""
    raise NotImplementedError
