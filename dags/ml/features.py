"""From a sale as recorded to numbers a model learns from; every feature's name begins with `f_`."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

# Parts of Ames, by where the neighbourhoods lie: https://jse.amstat.org/v19n3/decock/AmesResidential.pdf
GROUPS = {
    "northwest": ["NridgHt", "NoRidge", "StoneBr", "Somerst", "Gilbert", "Veenker", "GrnHill", "Greens"],
    "north": ["NAmes", "NWAmes", "NPkVill", "Blmngtn", "BrDale"],
    "centre": ["OldTown", "BrkSide", "IDOTRR", "SWISU", "Landmrk"],
    "south": [
        "CollgCr",
        "Edwards",
        "Sawyer",
        "SawyerW",
        "Mitchel",
        "Crawfor",
        "Timber",
        "ClearCr",
        "MeadowV",
        "Blueste",
    ],
}
GROUP_OF = {name: group for group, names in GROUPS.items() for name in names}
# How assessors grade, worst to best.
GRADES = {"Po": 1, "Fa": 2, "TA": 3, "Gd": 4, "Ex": 5}
ORDERED = {
    "Exter_Qual": GRADES,
    "Exter_Cond": GRADES,
    "Bsmt_Qual": GRADES,
    "Heating_QC": GRADES,
    "Kitchen_Qual": GRADES,
    "Fireplace_Qu": GRADES,
    "Garage_Qual": GRADES,
    "Bsmt_Exposure": {"No": 1, "Mn": 2, "Av": 3, "Gd": 4},
    "BsmtFin_Type_1": {"Unf": 1, "LwQ": 2, "Rec": 3, "BLQ": 4, "ALQ": 5, "GLQ": 6},
    "Garage_Finish": {"Unf": 1, "RFn": 2, "Fin": 3},
    "Functional": {"Sal": 1, "Sev": 2, "Maj2": 3, "Maj1": 4, "Mod": 5, "Min2": 6, "Min1": 7, "Typ": 8},
    "Paved_Drive": {"N": 1, "P": 2, "Y": 3},
    "Central_Air": {"N": 0, "Y": 1},
}
NUMBERS = [
    "Lot_Frontage", "Lot_Area", "Overall_Qual", "Overall_Cond", "Mas_Vnr_Area", "BsmtFin_SF_1", "Bsmt_Unf_SF",
    "Total_Bsmt_SF", "X1st_Flr_SF", "X2nd_Flr_SF", "area", "Bsmt_Full_Bath", "Full_Bath", "Half_Bath",
    "Bedroom_AbvGr", "TotRms_AbvGrd", "Fireplaces", "Garage_Cars", "Garage_Area", "Wood_Deck_SF",
    "Open_Porch_SF", "Screen_Porch",
]  # fmt: skip
CATEGORIES = {
    "MS_Zoning": ["RL", "RM", "FV", "C (all)"],
    "Bldg_Type": ["1Fam", "TwnhsE", "Duplex"],
    "House_Style": ["1Story", "2Story", "1.5Fin", "SLvl"],
    "Sale_Condition": ["Normal", "Abnorml", "Partial", "Family"],
    "Foundation": ["PConc", "CBlock", "BrkTil"],
}


def featurize(sales: "pd.DataFrame") -> "pd.DataFrame":
    """Return one row a sale: its id, month, place and price, and the `f_` columns.

    ValueError says why no features can be made: columns absent, sales without an id, months that are none.
    """
    import numpy as np
    import pandas as pd

    needed = ["PID", "Yr_Sold", "Mo_Sold", "Neighborhood", "price", *NUMBERS, *ORDERED, *CATEGORIES]
    if absent := [name for name in needed if name not in sales.columns]:
        raise ValueError(f"the sales lack the columns {', '.join(absent)}")
    ids = pd.to_numeric(sales["PID"], errors="coerce")
    if nameless := int(ids.isna().sum()):
        raise ValueError(f"{nameless} of {len(sales)} sales have no id")
    month = pd.to_datetime({"year": sales["Yr_Sold"], "month": sales["Mo_Sold"], "day": 1})
    price = pd.to_numeric(sales["price"], errors="coerce").astype(float)
    known = pd.DataFrame(
        {
            "PID": ids.astype("int64"),
            "sold": month.dt.date,
            "neighborhood": sales["Neighborhood"].astype(str),
            "group": sales["Neighborhood"].map(GROUP_OF).fillna("south").astype(str),
            "price": price,
            "log_price": np.log(price.where(price > 0)),
        }
    )
    return pd.concat([known, _inputs(sales).astype(float).add_prefix("f_")], axis=1)


def _inputs(sales: "pd.DataFrame") -> "pd.DataFrame":
    import pandas as pd

    made: dict[str, pd.Series] = {name.lower(): pd.to_numeric(sales[name], errors="coerce") for name in NUMBERS}
    for name, order in ORDERED.items():
        made[name.lower()] = sales[name].map(order).fillna(0)  # absent: no garage, no fireplace
    for name, values in CATEGORIES.items():
        made |= {f"{name.lower()}_{_word(value)}": sales[name] == value for value in values}
    made |= {f"in_{name.lower()}": sales["Neighborhood"] == name for name in GROUP_OF}
    made["age"] = sales["Yr_Sold"] - sales["Year_Built"]
    made["years_since_remodel"] = sales["Yr_Sold"] - sales["Year_Remod_Add"]
    made["total_area"] = made["area"] + made["total_bsmt_sf"].fillna(0)
    made["quality_area"] = made["overall_qual"] * made["total_area"]
    made["baths"] = made["full_bath"] + made["half_bath"] / 2 + made["bsmt_full_bath"].fillna(0)
    made["year_sold"], made["month_sold"] = sales["Yr_Sold"], sales["Mo_Sold"]
    return pd.DataFrame(made)


def _word(value: str) -> str:
    return "".join(letter for letter in value.lower() if letter.isalnum())
