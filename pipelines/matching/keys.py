"""What a name is compared by: columns that DuckDB computes, so that six million names stream through.

Every column follows from `artist` and `title` of its own row alone. The same SQL serves five pairs and the full sets.
"""

from functools import cache

from pipelines.matching.rules import Rules, load_rules

WHITESPACE = " \t\n\r\f\v\u00a0\u3000"
KEY_COLUMNS = (
    "exact_artist",  # NFC, case-folded, trimmed
    "exact_title",
    "artist_key",  # letters and digits alone, without accents, "The", guests and connectives
    "title_key",  # the same, without guests and versions that have the same words
    "artist_words",  # artist_key before its spaces were dropped
    "artist_sorted",  # artist_words in alphabetical order
    "artist_other",  # words that make it another artist: "jr", "tribute"
    "title_head",  # title_key without track number, brackets and what follows a dash
    "title_tail",  # those brackets, or what follows the dash
    "title_tail_numbers",
    "title_version",  # the bracket that makes it another song for a reader of lyrics: "(club remix)"
    "title_numbers",  # digits and roman numerals of title_head
)

TITLE_KEYS = tuple(name for name in KEY_COLUMNS if name.startswith("title_"))
ROMAN = "[ivx]{2,}"


def keyed(relation: str, keep: str = "*") -> str:
    """SQL of a relation with KEY_COLUMNS added.

    Args:
        relation: Name of a table or view, or a query in parentheses, with the text columns `artist` and `title`.
        keep: The columns of it to keep beside the keys.
    """
    exact = f"SELECT {keep}, {exact_key('artist')} AS exact_artist, {exact_key('title')} AS exact_title FROM {relation}"
    return title_keyed(f"({artist_keyed(f'({exact})')})")


def artist_keyed(relation: str) -> str:
    """SQL of a relation with the keys that follow from its `exact_artist`."""
    return _stepped(relation, _artist_steps())


def title_keyed(relation: str) -> str:
    """SQL of a relation with the keys that follow from its `exact_title`.

    Three titles in four are words alone, of which none means anything to the matcher: those need no long look.
    """
    plain = f"SELECT *, {_plain_title(load_rules())} AS _title_is_plain FROM {relation}"
    joined = _joined("exact_title")
    known = {name: joined if name in ("title_key", "title_head") else "''" for name in TITLE_KEYS}
    columns = ", ".join(f"{value} AS {name}" for name, value in known.items())
    others = _stepped("(FROM _titles WHERE NOT _title_is_plain)", _title_steps())
    return (
        f"WITH _titles AS ({plain}) SELECT * EXCLUDE (_title_is_plain) FROM ("
        f"SELECT *, {columns} FROM _titles WHERE _title_is_plain UNION ALL BY NAME {others})"
    )


def _stepped(relation: str, steps: tuple[dict[str, str], ...]) -> str:
    sql = f"SELECT * FROM {relation}"
    for step in steps:
        columns = ", ".join(f"{expression} AS {name}" for name, expression in step.items())
        sql = f"SELECT *, {columns} FROM ({sql})"
    intermediate = [name for step in steps for name in step if name.startswith("_")]
    return f"SELECT * EXCLUDE ({', '.join(intermediate)}) FROM ({sql})"


@cache
def _artist_steps() -> tuple[dict[str, str], ...]:
    """Columns by the order in which they build on each other."""
    rules = load_rules()
    return (
        {"_artist": _clean("exact_artist", rules)},
        {"_artist_lead": _without_guests("_artist", rules)},
        {"_artist_lead_spaced": _spaced("_artist_lead")},
        {"artist_words": _without_article(_words("_artist_lead_spaced", rules))},
        {
            "artist_other": _every(rules.other_artist, "artist_words"),
            "artist_key": _or_else(_joined("artist_words"), "exact_artist"),
            "artist_sorted": "array_to_string(list_sort(string_split(artist_words, ' ')), ' ')",
        },
    )


@cache
def _title_steps() -> tuple[dict[str, str], ...]:
    """Columns by the order in which they build on each other."""
    rules = load_rules()
    return (
        {"_title": _clean("exact_title", rules)},
        {"_title_lead": _without_guests("_title", rules)},
        {"_title_core": _without_versions("_title_lead", rules)},
        {"_title_numberless": _without_track_number("_title_core")},
        {"_head": _head("_title_numberless"), "_tail": _tail("_title_numberless")},
        {"_version": _other_version("_title_core", "_head", rules)},
        {f"{name}_spaced": _spaced(name) for name in ("_title_core", "_head", "_tail", "_version")},
        {
            "_title_words": _words("_title_core_spaced", rules),
            "_head_words": _words("_head_spaced", rules),
            "title_tail": _words("_tail_spaced", rules),
            "title_version": _words("_version_spaced", rules),
        },
        {
            "title_numbers": _numbers("_head_words"),
            "title_tail_numbers": _numbers("title_tail"),
            "title_key": _or_else(_joined(_without_bare_version("_title_words", rules)), "exact_title"),
            "title_head": _joined("_head_words"),
        },
    )


def _plain_title(rules: Rules) -> str:
    """SQL of whether a title is small letters and single spaces, without a word that any step looks for."""
    bare_version = "version|remaster|remastered"
    meant = rf"\b(?:{rules.other_words}|{rules.featuring}|{rules.connectives}|{bare_version}|n|{ROMAN})\b"
    return f"regexp_full_match(exact_title, '[a-z]+(?: [a-z]+)*') AND NOT regexp_matches(exact_title, '{meant}')"


def exact_key(column: str) -> str:
    """SQL of the thesis' comparison: NFC, case-folded, trimmed, otherwise literal (papers.md section 7)."""
    # lower(upper(x)) folds the final sigma and the long s as str.casefold does; sharp s is folded by hand.
    folded = f"replace(lower(upper({column})), 'ß', 'ss')"
    whole = f"trim(nfc_normalize({folded}), '{WHITESPACE}')"
    is_ascii = f"strlen({column}) = length({column})"  # as many bytes as characters
    simple = f"CASE WHEN regexp_matches({column}, '^[\\s\\v]|[\\s\\v]$') THEN {whole} ELSE lower({column}) END"
    return f"CASE WHEN {column} IS NULL THEN '' WHEN {is_ascii} THEN {simple} ELSE {whole} END"


def _clean(column: str, rules: Rules) -> str:
    """One spelling of quotes, dashes and special letters; accents gone where they are accents.

    Marks are stripped from Latin, Greek and Cyrillic only: elsewhere they are vowels or make another letter.
    """
    plain = f"translate(replace({column}, '&amp;', '&'), '_`', ' ''')"
    text = f"translate({plain}, '–—−’‘´“”', '---''''''\"\"')"
    for letter, written in rules.letters.items():
        text = f"replace({text}, '{letter}', '{written}')"
    other_script = r"[^\p{Latin}\p{Greek}\p{Cyrillic}\p{Common}\p{Inherited}]"
    return (
        f"CASE WHEN strlen({column}) = length({column}) THEN {plain} "  # ASCII: as many bytes as characters
        f"WHEN regexp_matches({column}, '{other_script}') THEN {text} ELSE strip_accents({text}) END"
    )


def _without_guests(column: str, rules: Rules) -> str:
    bracketed = rf"\s*[(\[{{]\s*{rules.featuring_in_brackets}[.\s][^()\[\]{{}}]*(?:[)\]}}]|$)"
    # A number before it is a length: "Six Ft Under" keeps its foot only if written "6 ft".
    bare = rf"([^\d\s])\s+{rules.featuring}[.\s](?:[^(\[{{\s]|\s+[^(\[{{\s-]|\s+-\S)*"
    return _replace(_replace(column, bracketed, " "), bare, r"\1 ")


def _without_versions(column: str, rules: Rules) -> str:
    between = r"[^\pL\pN()\[\]{}]+"
    item = rf"(?:{rules.version_words}|\d+)"
    only = rf"(?:{item}{between})*{rules.version_needed}(?:{between}{item})*"
    begins = rf"{rules.version_beginnings}[\s,]+{rules.version_beginnings_next}(?:\b|\s|\d)[^()\[\]{{}}]*"
    content = rf"(?:{between})?(?:{only}|{begins})(?:{between})?"
    bracketed = rf"([^\s(\[{{])\s*[(\[{{]{content}[)\]}}]"
    dashed = rf"(\S)\s+-\s{content}$"
    # Twice: the inner bracket of "(Album Version (Edited))" goes first.
    shorter = _replace(_replace(_replace(column, bracketed, r"\1 "), bracketed, r"\1 "), dashed, r"\1")
    return _where_parted(column, shorter, column)


def _without_track_number(column: str) -> str:
    return _replace(column, r"^\s*[0-9][0-9a-z]{1,3}\s*[-.]\s*(\S)", r"\1")


def _head(column: str) -> str:
    return _where_parted(column, _replace(column, r"([^\s(\[{])(?:\s*[(\[{]|\s+-\s).*$", r"\1"), column)


def _tail(column: str) -> str:
    return _where_parted(column, rf"regexp_extract({column}, '[^\s(\[{{]((?:\s*[(\[{{]|\s+-\s).*)$', 1)", "''")


def _other_version(column: str, head: str, rules: Rules) -> str:
    marked = rf"\b(?:{rules.other_words}|{rules.parts})\b"
    bracket = rf"regexp_extract({column}, '(?:[(\[{{]|\s-\s)([^()\[\]{{}}]*{marked}[^()\[\]{{}}]*)', 1)"
    inside = _where_parted(column, bracket, "''")
    ending = rf"regexp_extract({head}, '\s({rules.other_words})\s*$', 1)"
    return f"CASE WHEN {inside} <> '' THEN {inside} ELSE {ending} END"


def _where_parted(column: str, then: str, otherwise: str) -> str:
    """Most titles have neither bracket nor dash and need no long look."""
    return rf"CASE WHEN regexp_matches({column}, '[(\[{{]|\s-\s') THEN {then} ELSE {otherwise} END"


def _numbers(words: str) -> str:
    return _every(rf"(?:\d+|{ROMAN})", words)


def _every(pattern: str, words: str) -> str:
    # DuckDB 1.4 joins an empty list to null, 2.0 to an empty text.
    return rf"coalesce(array_to_string(regexp_extract_all({words}, '\b{pattern}\b'), ''), '')"


def _spaced(column: str) -> str:
    """Letters and digits with single spaces; apostrophes join, everything else parts. Most names are so already."""
    spaced = _replace(f"replace({column}, '''', '')", r"[^\pL\pN\pM]+", " ")
    return f"CASE WHEN regexp_matches({column}, '[^a-z0-9 ]|  ') THEN trim({spaced}) ELSE trim({column}) END"


def _words(spaced: str, rules: Rules) -> str:
    """Drop the connectives, which catalogues write or leave out as they like."""
    dropped = _replace(spaced, rf"(?:^|\s){rules.connectives}(?:\s|$)", " ")
    dropped = _replace(dropped, r"(\pL\pL) n (\pL\pL)", r"\1 \2")
    may_hold_one = f"regexp_matches({spaced}, ' n |{rules.connectives}')"
    return f"CASE WHEN {may_hold_one} THEN trim({dropped}) ELSE {spaced} END"


def _without_article(words: str) -> str:
    return _replace(words, r"^the (\S)|(\S) the$", r"\1\2")


def _without_bare_version(words: str, rules: Rules) -> str:
    return _replace(words, rf"(\S)(?: {rules.before_version})+ (?:version|remaster|remastered)(?: \d{{4}})?$", r"\1")


def _joined(words: str) -> str:
    return f"replace({words}, ' ', '')"


def _or_else(key: str, fallback: str) -> str:
    """A name of symbols alone ("!!!") is compared as it is written."""
    return f"CASE WHEN {key} = '' THEN {fallback} ELSE {key} END"


def _replace(text: str, pattern: str, by: str) -> str:
    return f"regexp_replace({text}, '{pattern}', '{by}', 'g')"
