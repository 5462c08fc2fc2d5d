"""Which version is asked while a server loads one and unloads another."""

from serving.gateway.releases.stable import Stable


class Pool:
    """What the gateway believes to be loaded; it looks once a second."""

    def __init__(self, *versions):
        self.versions = set(versions)

    def may_have(self, target):
        return target in self.versions


def test_what_answered_before_is_asked_until_the_configured_one_is_there():
    assert Stable(2, 1, Pool(1)).candidates() == (1, 2)


def test_a_belief_that_is_out_of_date_costs_no_request():
    """The pool still believes in version 2, which the server has just unloaded and will load again."""
    stable = Stable(2, 1, Pool(1, 2))
    assert stable.candidates() == (2, 1)
    stable.answered(1)
    assert stable.candidates() == (2, 1)


def test_once_the_configured_one_has_answered_nothing_goes_back():
    pool = Pool(1, 2)
    stable = Stable(2, 1, pool)
    stable.answered(2)
    pool.versions = {1}
    assert stable.candidates() == (2,)


def test_a_version_that_is_gone_is_no_second_choice():
    assert Stable(2, 1, Pool()).candidates() == (2,)
