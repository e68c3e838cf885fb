from .spending import (
    balances_on as balances_on,
    cash_flow as cash_flow,
    categorize as categorize,
    clean_merchants as clean_merchants,
    daily_balances as daily_balances,
    days_of as days_of,
    preview_rules as preview_rules,
    settle as settle,
    split_evenly as split_evenly,
    starter_rules as starter_rules,
    totals as totals,
    without_own_transfers as without_own_transfers,
)
