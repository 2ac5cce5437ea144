"""What /openapi.json describes is what the service does, whether requests fit it or not."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.api.conftest import create_app, quick_service, running

from marklens.api.service import make_service
from marklens.settings import load_settings

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")

EXAMPLES = 30
"""Requests of each operation."""
DESCRIBED = schemathesis.openapi.from_dict(create_app(make_service(Path(), load_settings())).openapi())
OPERATIONS = {found.ok().label: found.ok() for found in DESCRIBED.get_all_operations()}


@pytest.fixture(scope="module")
def address(index: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    state = tmp_path_factory.mktemp("watch") / "watch.sqlite"
    with running(quick_service(index, watch=state, rate_address="1000000/minute")) as client:
        yield str(client.base_url)


def requests(operation: Any) -> st.SearchStrategy[Any]:
    """Requests that fit the description, and those that do not where it leaves room for any."""
    modes = schemathesis.GenerationMode
    fitting = operation.as_strategy(generation_mode=modes.POSITIVE)
    if not (len(operation.query) or len(operation.body)):
        return fitting
    return fitting | operation.as_strategy(generation_mode=modes.NEGATIVE)


@pytest.mark.slow
@pytest.mark.parametrize("label", OPERATIONS)
def test_every_operation_answers_as_it_is_described(label: str, address: str) -> None:
    """Values can fit the description and make no sense together: 422 is right for many that do."""

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=requests(OPERATIONS[label]))
    def check(case: Any) -> None:
        case.call_and_validate(
            base_url=address, excluded_checks=[schemathesis.checks.positive_data_acceptance]
        )

    check()
