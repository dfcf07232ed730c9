"""The rules of money, written a second time from the contract: what the lines of an event come to.

Kept apart from the extension on purpose. What the contract leaves open (an order's discount over gift cards, an order's
tax over discounted lines) is never sent.
"""

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

ZERO = Decimal(0)


def share(total: Decimal, weights: list[Decimal], digits: int) -> list[Decimal]:
    """Shares in minor units by largest remainder (of equal ones the earlier line's); they add up to total."""
    unit = Decimal(1).scaleb(-digits)
    whole = Fraction(sum(weights))
    units = int(total / unit)
    exact = [Fraction(weight) * units / whole for weight in weights]
    shares = [int(part) for part in exact]
    by_remainder = sorted(range(len(weights)), key=lambda i: (shares[i] - exact[i], i))
    for i in by_remainder[:units - sum(shares)]:
        shares[i] += 1
    return [part * unit for part in shares]


def settle(items: list[dict], order: dict, digits: int) -> list[dict]:
    """amount, discount and tax of each item as the event log is to hold them.

    Items have price, quantity and kind, and maybe discount and tax; the order maybe discount, tax and tax_included.
    """
    values = [item["price"] * item["quantity"] for item in items]
    discounts = [item.get("discount", ZERO) for item in items]
    taxes = [item.get("tax", ZERO) for item in items]
    if "discount" in order:
        for i, part in enumerate(share(order["discount"], values, digits)):
            discounts[i] += part
    if "tax" in order:
        taxes = share(order["tax"], values, digits)
    amounts = list(values)
    if order.get("tax_included"):
        for i, value in enumerate(values):
            paid = value - discounts[i]
            net = paid - taxes[i]
            if discounts[i]:
                unit = Decimal(1).scaleb(-digits)
                amounts[i] = (value * net / paid).quantize(unit, ROUND_HALF_UP) if paid else value
                discounts[i] = amounts[i] - net
            else:
                amounts[i] = net
    return [{"amount": amount, "discount": discount, "tax": tax}
            for amount, discount, tax in zip(amounts, discounts, taxes)]
