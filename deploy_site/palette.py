"""The palette of static/css/tokens.css, spread over the scale of the review desk's theme."""

from __future__ import annotations

COLORS = {
    "base": {
        "50": "#f7f8f8",
        "100": "#eff1f2",
        "200": "#dce0e3",
        "300": "#c3cad0",
        "400": "#a6afb7",
        "500": "#6a737b",
        "600": "#545c64",
        "700": "#3c444b",
        "800": "#2f363b",
        "900": "#1a1e21",
        "950": "#121517",
    },
    "primary": {
        "50": "#f1f8f8",
        "100": "#e4f0f1",
        "200": "#c2dfe2",
        "300": "#94c9ce",
        "400": "#8bd9e0",
        "500": "#5fc3cd",
        "600": "#0a6570",
        "700": "#074c55",
        "800": "#063d44",
        "900": "#0a343a",
        "950": "#06191c",
    },
}
