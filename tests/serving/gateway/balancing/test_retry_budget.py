from serving.gateway.balancing.retry_budget import RetryBudget
from serving.gateway.balancing.settings import RetrySettings


def taken(budget, now, tries=10_000):
    return sum(budget.take(now) for _ in range(tries))


def test_retries_are_a_share_of_the_requests_and_a_few_more():
    budget = RetryBudget(RetrySettings(share=0.1, min_per_second=2), 0.0)
    retries = 0
    for number in range(1000):
        budget.request(number / 100)
        retries += taken(budget, number / 100, tries=1)

    assert 100 + 2 * 10 <= retries + 1 <= 100 + 2 * 10 + 3


def test_without_requests_there_is_the_minimum():
    budget = RetryBudget(RetrySettings(share=0.1, min_per_second=3), 0.0)

    assert taken(budget, 0.0) == 3
    assert taken(budget, 1.0) == 3


def test_what_was_not_used_is_not_saved_for_ever():
    budget = RetryBudget(RetrySettings(share=0.1, min_per_second=3), 0.0)
    for _ in range(100_000):
        budget.request(0.0)

    assert taken(budget, 1e6) == 100


def test_none_are_allowed_where_none_are_wanted():
    budget = RetryBudget(RetrySettings(share=0, min_per_second=0), 0.0)
    budget.request(0.0)

    assert taken(budget, 100.0) == 0
