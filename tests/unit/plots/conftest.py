"""The results that figures of a run draw: a falling spectrum with a bump, behind no cut and three."""

import pytest
from made_up.falling import blinded_results


@pytest.fixture
def results(make_results):
    return make_results()


@pytest.fixture
def blinded(results):
    return blinded_results(results)
