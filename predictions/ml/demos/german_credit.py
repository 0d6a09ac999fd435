"""German credit: 18 facts about an application for a loan to good or bad risk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from predictions.ml.demos.measuring import class_probabilities, of_all, rounded, two_class_metrics
from predictions.ml.demos.recipe import DemoRecipe, Metric, TrainedDemo

CSV = Path(__file__).parent / "data" / "german_credit.csv"
TARGET = "risk"
YOUNG = 25
ASKED = {"required": True, "nullable": False}
"""The encoder could answer without a category, a credit desk should not."""
LOAN, MONEY, PERSON = "Loan", "Money and property", "Person"


def read_cases() -> pd.DataFrame:
    """The 1,000 cases with their risk."""
    return pd.read_csv(CSV, keep_default_na=False)


def train() -> TrainedDemo:
    """One-hot encoder, scaler and logistic regression; measured by cross-validation, then fitted on all 1,000 cases."""
    cases = read_cases()
    rows, truth = cases.drop(columns=TARGET), cases[TARGET].astype(object)
    numbers = [name for name in rows if pd.api.types.is_numeric_dtype(rows[name])]
    words = [name for name in rows if name not in numbers]
    columns = ColumnTransformer(
        [("words", OneHotEncoder(handle_unknown="ignore"), words), ("numbers", StandardScaler(), numbers)]
    )
    estimator = make_pipeline(columns, LogisticRegression(C=0.2, max_iter=1000))
    shares, classes = class_probabilities(estimator, rows, truth)
    metrics = (*two_class_metrics(shares, classes, truth, "bad"), *_by_age(shares, classes, rows["age"]))
    return TrainedDemo(estimator.fit(rows, truth), rows, metrics)


def _by_age(shares: np.ndarray[Any, Any], classes: list[Any], age: pd.Series) -> tuple[Metric, ...]:
    """How often young and older applicants are called a good risk: a first look at fairness."""
    good = np.asarray(classes)[shares.argmax(axis=1)] == "good"
    young = (age <= YOUNG).to_numpy()
    on = of_all(len(age))
    return (
        Metric(f"Called a good risk, aged up to {YOUNG}", rounded(good[young].mean()), on),
        Metric(f"Called a good risk, older than {YOUNG}", rounded(good[~young].mean()), on),
    )


RECIPE = DemoRecipe(
    slug="german-credit",
    name="German credit",
    description="Tells good from bad credit risks by 18 facts about an application, learned from 1,000 real loans.",
    train=train,
    card={
        "source": "Hans Hofmann (1994): Statlog (German Credit Data), UCI Machine Learning Repository, "
        "doi:10.24432/C5NC77. 1,000 cases; texts reworded, two columns left out.",
        "licence": "CC BY 4.0",
        "licence_url": "https://creativecommons.org/licenses/by/4.0/",
        "intended_use": "To try this site with financial data and categories. Never use it to decide about a real loan.",
        "note": "The loans are from 1973 to 1975, with bad ones over-represented on purpose. Sex, marital status and being a "
        "foreign worker are left out, because they are no ground for a credit decision and their codes are in doubt; age is "
        "still used and young applicants are called a bad risk more often, as the numbers show. Grömping (2019, Report "
        "4/2019, Beuth University Berlin) found several other category texts of this table to be wrong.",
    },
    signature_edits={
        "inputs": {
            "credit_amount": {"label": "Amount", "unit": "DM", "group": LOAN, "order": 0, "minimum": 1},
            "duration": {
                "label": "Duration",
                "unit": "months",
                "group": LOAN,
                "order": 1,
                "minimum": 1,
                "maximum": 120,
            },
            "purpose": {"label": "Purpose", "group": LOAN, "order": 2, **ASKED},
            "installment_rate": {
                "label": "Installment rate",
                "group": LOAN,
                "order": 3,
                "minimum": 1,
                "maximum": 4,
                "help": "Installments as a share of disposable income, in the source's steps from 1 to 4.",
            },
            "other_debtors": {"label": "Other debtors or guarantors", "group": LOAN, "order": 4, **ASKED},
            "checking_account": {"label": "Checking account", "group": MONEY, "order": 5, **ASKED},
            "savings": {"label": "Savings account or bonds", "group": MONEY, "order": 6, **ASKED},
            "credit_history": {"label": "Credit history", "group": MONEY, "order": 7, **ASKED},
            "existing_credits": {
                "label": "Credits at this bank",
                "group": MONEY,
                "order": 8,
                "minimum": 1,
                "maximum": 4,
                "help": "This one included, in the source's steps from 1 to 4.",
            },
            "other_installment_plans": {
                "label": "Other installment plans",
                "group": MONEY,
                "order": 9,
                **ASKED,
            },
            "property": {"label": "Most valuable property", "group": MONEY, "order": 10, **ASKED},
            "housing": {"label": "Housing", "group": MONEY, "order": 11, **ASKED},
            "age": {
                "label": "Age",
                "unit": "years",
                "group": PERSON,
                "order": 12,
                "minimum": 18,
                "maximum": 120,
            },
            "job": {"label": "Job", "group": PERSON, "order": 13, **ASKED},
            "employment": {"label": "With the present employer for", "group": PERSON, "order": 14, **ASKED},
            "residence_since": {
                "label": "At the present address",
                "group": PERSON,
                "order": 15,
                "minimum": 1,
                "maximum": 4,
                "help": "In the source's steps from 1 (short) to 4 (long).",
            },
            "dependents": {
                "label": "Dependents",
                "group": PERSON,
                "order": 16,
                "minimum": 1,
                "maximum": 2,
                "help": "People to be supported, in the source's steps 1 and 2.",
            },
            "telephone": {"label": "Telephone in the own name", "group": PERSON, "order": 17, **ASKED},
        },
        "outputs": {"label": {"label": "Credit risk", "classes": {"good": "good risk", "bad": "bad risk"}}},
    },
)
