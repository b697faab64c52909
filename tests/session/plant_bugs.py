"""Writes the sources of session/messaging with bugs in them that can be switched on: what the simulator must notice, so
that it is known to look.

plant_bugs.py SOURCE OUTPUT; --files and --bugs list what there is, a line each."""

import pathlib
import re
import sys

# The file, what is taken out of it, which must be there exactly once however its lines are broken, and what comes in its
# place; BEFORE stands for what was there.
CHANGES: list[tuple[str, str, str]] = [
    ("receive.cpp", "own->second.digest == theirs.digest", '(planted("echoes_not_compared") || BEFORE)'),
    ("receive.cpp", "CONCORDAT_CHECK(check(message.signature, statements_.letter(message.round, from, self_, "
     "digest_of(message.body)), from, key_of(from)));", 'if (!planted("letters_need_no_signature")) { BEFORE }'),
    ("judging.cpp", "check(it.signature, letter, it.accused, key_of(it.accused)).has_value()",
     '(planted("forged_letter_is_evidence") || BEFORE)'),
    ("judging.cpp", "are_echoes(it.round, it.vector, it.echoes);",
     '(planted("echoes_of_an_accusation_not_checked") || are_echoes(it.round, it.vector, it.echoes));'),
    ("judging.cpp", "check(it.signature, broadcast, it.accused, key_of(it.accused)).has_value()",
     '(planted("forged_broadcast_is_evidence") || BEFORE)'),
    ("blame.cpp", "const bool holds = !check_broadcast(it.round, it.accused, it.body);",
     'const bool holds = planted("accusers_are_believed") || !check_broadcast(it.round, it.accused, it.body); '
     'if (planted("false_accusers_go_free") && !holds) return std::optional<PartyIndex>();'),
    ("blame.cpp", "const bool holds = !check_letter(it.round, it.accused, it.accuser, letter);",
     'const bool holds = planted("accusers_of_letters_are_believed") || '
     '!check_letter(it.round, it.accused, it.accuser, letter);'),
    ("judging.cpp", "for (const Seen* seen : {&it.first, &it.second}) {",
     'BEFORE if (planted("one_broadcast_is_equivocation") && seen == &it.second) continue;'),
    ("blame.cpp", "send_to_all(blame, guilty);", 'if (!planted("proof_is_kept_to_oneself")) BEFORE'),
    ("run.cpp", "!ended_ && now_ >= deadline_", 'BEFORE && !(planted("deadline_is_missed_by_one") && now_ == deadline_)'),
    ("run.cpp", "confirmation.result != confirmations_.at(self_).result", '!planted("results_not_compared") && BEFORE'),
    ("run.cpp", "if (is_everybody(confirmations_.size()))",
     'if (planted("output_before_it_is_confirmed") || is_everybody(confirmations_.size()))'),
    ("run.cpp", "if (vector_of(echo.seen) != book().vector) return;", 'if (!planted("echoes_not_compared")) BEFORE'),
    ("link.cpp", "if (frame->number < expected_) continue;",
     'if (frame->number < expected_) { if (planted("delivered_twice")) return frame; continue; }'),
    ("link.cpp", "next_out_ = first_kept_; current_body_.reset();",
     'next_out_ = planted("not_sent_again") ? last_out_ + 1 : first_kept_; current_body_.reset();'),
]


def planted(file: str, text: str) -> str:
    for path, before, after in CHANGES:
        if path != file:
            continue
        there = re.compile(r"\s*".join(re.escape(part) for part in before.split()))
        if len(there.findall(text)) != 1:
            sys.exit(f"{file} does not have this once; mend tests/session/plant_bugs.py:\n{before}")
        text = there.sub(lambda _, new=after.replace("BEFORE", before): new, text)
    return '#include "tests/session/simulator/planted.hpp"\n' + text


def main() -> None:
    if sys.argv[1:] == ["--files"]:
        print("\n".join(sorted({file for file, _, _ in CHANGES})))
    elif sys.argv[1:] == ["--bugs"]:
        print("\n".join(sorted({name for _, _, after in CHANGES for name in re.findall(r'planted\("(\w+)"\)', after)})))
    else:
        source, output = map(pathlib.Path, sys.argv[1:])
        output.write_text(planted(source.name, source.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
