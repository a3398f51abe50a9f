"""NĐ 118/2025/NĐ-CP on the one-stop mechanism, in force from 1/7/2025, as a rule set whose articles are still to be
compared.

Only its title, its dates and the forms of TT 03/2025/TT-VPCP have been read. Until someone enters the real numbers and
articles here, the numbers of NĐ 61/2018 carry over, every article is named as the one it replaces, and `checked` is
False.
"""

from __future__ import annotations

from datetime import date
from types import MappingProxyType

from dossier.domain.decree_61_2018 import PROVISIONS as PROVISIONS_OF_2018
from dossier.domain.rules import Provision, Rule, RuleSet


def _carried_over(provision: Provision) -> Provision:
    if not provision.article.startswith("NĐ 61/2018"):
        return provision
    return provision._replace(article=f"NĐ 118/2025 (nội dung tương ứng {provision.article})")


PROVISIONS = MappingProxyType(
    {rule: _carried_over(provision) for rule, provision in PROVISIONS_OF_2018.items()}
    | {
        Rule.STOP_REASON: Provision(
            "Thông báo dừng giải quyết hồ sơ phải nêu rõ lý do.", "TT 03/2025/TT-VPCP, Mẫu số 05"
        )
    }
)

DECREE_118_2025 = RuleSet(
    id="nd-118-2025",
    decree="Nghị định 118/2025/NĐ-CP",
    effective_from=date(2025, 7, 1),
    provisions=PROVISIONS,
    checked=False,
)
