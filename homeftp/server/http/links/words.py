"""The words of the pages of share links, in each language that they speak; the browser says which to use."""

from __future__ import annotations

from typing import Mapping

ENGLISH: Mapping[str, str] = {
    "point": ".",
    "download": "Download",
    "size": "Size",
    "changed": "Changed",
    "empty": "This folder is empty.",
    "up": "Up",
    "all": "Download everything as a zip file",
    "shared-by": "Shared by {account}, until {ends}.",
    "password-title": "This link has a password",
    "password": "Password",
    "password-wrong": "The password is wrong.",
    "open": "Open",
    "upload-title": "Send files",
    "upload-help": "Choose files, or drop them on the field. They are added to the folder of {account}; you cannot see "
    "what is in it.",
    "upload": "Send",
    "stored": "Received:",
    "refused": "Not received:",
    "more": "Send more files",
    "gone-title": "This link does not work",
    "no-such": "There is no such link. It may have been revoked, or part of the address is missing.",
    "expired": "This link has expired.",
    "used": "This link was already used as often as it may be.",
    "broken": "What this link led to no longer exists.",
    "throttled": "Too many wrong tries came from your address. Try again in a few minutes.",
    "ask": "Ask the person who sent it to you for another one.",
    "full": "There is not enough space for it.",
    "denied": "It cannot be stored here.",
    "failed": "It could not be stored. Try again.",
}

GERMAN: Mapping[str, str] = {
    "point": ",",
    "download": "Herunterladen",
    "size": "Größe",
    "changed": "Geändert",
    "empty": "Dieser Ordner ist leer.",
    "up": "Nach oben",
    "all": "Alles als Zip-Datei herunterladen",
    "shared-by": "Freigegeben von {account}, bis {ends}.",
    "password-title": "Dieser Link hat ein Passwort",
    "password": "Passwort",
    "password-wrong": "Das Passwort ist falsch.",
    "open": "Öffnen",
    "upload-title": "Dateien senden",
    "upload-help": "Dateien auswählen oder auf das Feld ziehen. Sie kommen in den Ordner von {account}; was darin ist, "
    "bleibt verborgen.",
    "upload": "Senden",
    "stored": "Angekommen:",
    "refused": "Nicht angekommen:",
    "more": "Weitere Dateien senden",
    "gone-title": "Dieser Link funktioniert nicht",
    "no-such": "Diesen Link gibt es nicht. Vielleicht wurde er beendet, oder ein Teil der Adresse fehlt.",
    "expired": "Dieser Link ist abgelaufen.",
    "used": "Dieser Link wurde schon so oft benutzt wie erlaubt.",
    "broken": "Was dieser Link zeigte, gibt es nicht mehr.",
    "throttled": "Von dieser Adresse kamen zu viele falsche Versuche. Bitte in einigen Minuten noch einmal versuchen.",
    "ask": "Bitte bei der Person, die ihn geschickt hat, einen neuen anfordern.",
    "full": "Dafür ist nicht genug Platz.",
    "denied": "Hier kann das nicht gespeichert werden.",
    "failed": "Das konnte nicht gespeichert werden. Bitte noch einmal versuchen.",
}

LANGUAGES: Mapping[str, Mapping[str, str]] = {"en": ENGLISH, "de": GERMAN}
"""By the code of the language (RFC 5646). The first is for everybody else."""

_MOST_ACCEPTED = 20
"""Languages of a browser that are looked at."""


def language(accepted: str | None) -> str:
    """The language for a browser that says `Accept-Language` (RFC 9110, 12.5.4): the first of its own that is here."""
    for each in (accepted or "").split(",")[:_MOST_ACCEPTED]:
        tag, _, weight = each.partition(";")
        code = tag.strip().lower().partition("-")[0]
        if code in LANGUAGES and "".join(weight.split()).lower() not in ("q=0", "q=0.0", "q=0.00", "q=0.000"):
            return code
    return next(iter(LANGUAGES))
