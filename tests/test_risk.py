"""What the register says beside likeness, read from attributes as offices word them."""

import pytest

from marklens.risk import has_ended, judge, nice_classes

LIVE = {"status": "Registered", "nice_classes": "9,25", "owner": "ACME GmbH"}


@pytest.mark.parametrize(
    ("filing", "mark", "level", "said"),
    [
        ({"nice_classes": "25"}, LIVE, "high", ["earlier mark stands: Registered", "same Nice class 25"]),
        ({"Nice Classes": "009; 025"}, {"classes": "25 9"}, "high",
         ["status of the earlier mark not known", "same Nice classes 9, 25"]),
        ({"nice": "41"}, LIVE, "medium",
         ["earlier mark stands: Registered", "no Nice class in common (41 against 9, 25)"]),
        ({}, LIVE, "unknown",
         ["earlier mark stands: Registered", "Nice classes of the new filing not known"]),
        ({"nice_classes": "25"}, LIVE | {"status": "Registration expired"}, "low",
         ["earlier mark has ended: Registration expired", "same Nice class 25"]),
        ({"nice_classes": "25", "status": "Withdrawn"}, LIVE, "low",
         ["new filing has ended: Withdrawn", "earlier mark stands: Registered", "same Nice class 25"]),
        ({"nice_classes": "25", "applicant": "Acme gmbh."}, LIVE, "low",
         ["same owner: ACME GmbH", "earlier mark stands: Registered", "same Nice class 25"]),
        ({"nice_classes": "25"}, LIVE | {"status": "Application published"}, "high",
         ["earlier mark is not registered yet: Application published", "same Nice class 25"]),
        ({"nice_classes": "25"}, LIVE | {"status": "702"}, "high",
         ["earlier mark has the status: 702", "same Nice class 25"]),
        ({}, {}, "unknown", ["status of the earlier mark not known",
                             "Nice classes of the new filing and earlier mark not known"]),
    ],
)  # fmt: skip
def test_levels_and_their_reasons(
    filing: dict[str, str], mark: dict[str, str], level: str, said: list[str]
) -> None:
    risk = judge(filing, mark)
    assert (risk.level, list(risk.reasons)) == (level, said)


@pytest.mark.parametrize(
    ("written", "classes"),
    [
        ("25", {25}),
        ("009,042", {9, 42}),
        ("0, 46, 99, 1200", set()),
        ("25.01", set()),
        ("35 and 41", {35, 41}),
        ("9, 25.", {9, 25}),
        ("Class 25.", {25}),
        ("25.0", {25}),
        ("9;25", {9, 25}),
        ("009 025", {9, 25}),
        ("[9, 25]", {9, 25}),
        ("1-3, 25", {1, 2, 3, 25}),
        ("1-34", set(range(1, 35))),
        ("classes 9 to 11 and 35", {9, 10, 11, 35}),
        ("25: clothing; 18 pieces", {25}),
        ('{"18": "bags", "25": "clothing"}', {18, 25}),
        ("Class 25 clothing, 3 pieces; Class 18 bags", {18, 25}),
        ("IC 025. US 022 039. G & S: Clothing", {25}),
        ("clothing, 18 pieces", set()),
        ("Classes 9 35 42 Services", set()),
        ("Class 9, 42 software", set()),
        ("Classes 3, 5 and 10 only", set()),
        ("Nice Classification 11: 25", {25}),
        ("Nice 11-2023: 9, 42", {9, 42}),
        ("Nice classification: 9, 42", {9, 42}),
        ("Classification 25", {25}),
        ("classification 9: software; class 42: services", {9, 42}),
        ("Class 25 2023-01-01", {25}),
        ("Class 25, 2019 edition", {25}),
        ("Class: 5 (10 goods)", {5}),
        ("International Class 9, 1st use", {9}),
        ("(9, 25)", {9, 25}),
    ],
)
def test_classes_are_numbers_from_1_to_45(written: str, classes: set[int]) -> None:
    assert nice_classes({"nice_classes": written}) == classes


LIVING = """
    Registered | Registered and renewed | Registration cancellation pending | Not expired
    Registered - invalidity action pending | Registered; cancellation action filed | Surrender pending
    Opposition withdrawn | Opposition - withdrawn | REGISTERED (opposition rejected) | Cancellation refused
    Opposition abandoned | Provisional refusal | Partially cancelled | Cancelled for some goods
    Registered. The registration date is used to determine when maintenance documents are due.
    LIVE/REGISTRATION/Issued and Active | LIVE/REGISTRATION/Cancellation/Invalidation Pending
    LIVE/APPLICATION/Opposition Pending | Cancellation dismissed - see TTAB records
    Opposition period expired
    A final Office action refusing registration has been sent because the applicant did not answer
    An appeal of final refusal is pending | Abandoned - petition to revive filed | Third extension - granted
    Application filed | Application published | Application opposed | Application refused; appeal pending
    Registration pending | Appealable | Interruption of proceeding | IR accepted | Start of opposition period
    Active | Statement of grant of protection | Total provisional refusal of protection | Partial invalidation
    Refusal withdrawn | Renewed | Limitation refused | Expired (renewal possible) | Cancelled, reinstated
    Trade mark registered | Cancellation proceedings pending | Opposition proceedings ended
    Marke eingetragen | Widerspruch zurückgewiesen | Löschungsverfahren anhängig | Teilweise gelöscht
    Under examination | Opposed | Protected | Pending | Registered, in late renewal period
    Marque enregistrée | Registered - licence revoked | Registered | licence expired | Disclaimer removed
    Registered; assignment not valid | Security interest removed | Seniority surrendered
"""
GONE = """
    Inactive | Expired | Dead | Ended | Withdrawn | Refused | No longer in force | Total: cancelled
    Abandoned-Failure To Respond Or Late Response | Abandoned - Express | Abandoned after ex parte appeal
    Abandoned - No Statement Of Use Filed | Abandoned - After Inter-Partes Decision | Cancelled - Section 8
    Registration cancelled because registrant did not file an acceptable declaration under Section 8.
    DEAD/REGISTRATION/Cancelled/Invalidated | DEAD/APPLICATION/Refused/Dismissed or Invalidated
    Expired - Section 9
    Application refused | Application withdrawn | Registration cancelled | Registration expired
    Registration surrendered | Removed from register | Refused after opposition | Canceled
    Registration cancelled; opposition withdrawn | Cancelled at the request of the owner
    Trade mark cancelled | Application deemed to be withdrawn | Marke gelöscht | Anmeldung zurückgenommen
    Surrendered | Lapsed | Revoked | Invalidated | Abandoned | Removed | Marque expirée | Demande rejetée
"""


def listed(statuses: str) -> list[str]:
    return [status.strip() for line in statuses.strip().splitlines() for status in line.split("|")]


@pytest.mark.parametrize("status", listed(LIVING))
def test_where_there_is_doubt_a_mark_has_not_ended(status: str) -> None:
    assert not has_ended(status)


@pytest.mark.parametrize("status", listed(GONE))
def test_marks_of_the_past_have_ended(status: str) -> None:
    assert has_ended(status)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("Registration cancellation pending", "has the status"),
        ("Opposition pending", "has the status"),
        ("Not registered", "has the status"),
        ("Registered - invalidity action pending", "stands"),
        ("Registration pending", "is not registered yet"),
        ("Statement of grant of protection", "stands"),
    ],
)
def test_a_status_is_not_said_to_mean_more_than_it_does(status: str, said: str) -> None:
    assert judge({}, {"status": status}).reasons[0] == f"earlier mark {said}: {status}"


@pytest.mark.parametrize("owner", ["-", "—", "N/A", "n.a.", "unknown", "None", "???"])
def test_nobody_is_no_common_owner(owner: str) -> None:
    assert judge({"nice_classes": "25", "owner": owner}, LIVE | {"owner": owner}).level == "high"


def test_a_list_of_a_megabyte_is_read_once() -> None:
    """Tried from each of its numbers, this takes days."""
    assert nice_classes({"nice_classes": "goods " + "1 45 " * 200_000}) == set()
    assert nice_classes({"nice_classes": "goods " + "1 45 " * 200_000 + ": clothing"}) == {1, 45}
