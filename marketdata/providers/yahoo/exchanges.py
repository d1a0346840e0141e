"""Market data providers: Yahoo's codes for exchanges and kinds of instruments, and the endings of its symbols."""

from __future__ import annotations

#: Market identifier (MIC) by Yahoo's exchange code. Codes of indices, coins and currencies have none.
MICS = {
    **dict.fromkeys(("NMS", "NGM", "NCM", "NAS"), "XNAS"),
    **dict.fromkeys(("PNK", "OQB", "OQX", "OEM"), "OTCM"),
    "NYQ": "XNYS",
    "PCX": "ARCX",
    "ASE": "XASE",
    "BTS": "BATS",
    "TOR": "XTSE",
    "VAN": "XTSX",
    "CNQ": "XCNQ",
    "NEO": "NEOE",
    "MEX": "XMEX",
    "SAO": "BVMF",
    "BUE": "XBUE",
    "SGO": "XSGO",
    "LSE": "XLON",
    "IOB": "XLON",
    "GER": "XETR",
    "FRA": "XFRA",
    "STU": "XSTU",
    "BER": "XBER",
    "DUS": "XDUS",
    "HAM": "XHAM",
    "HAN": "XHAN",
    "MUN": "XMUN",
    "PAR": "XPAR",
    "AMS": "XAMS",
    "BRU": "XBRU",
    "LIS": "XLIS",
    "ISE": "XDUB",
    "MIL": "XMIL",
    "MCE": "XMAD",
    "EBS": "XSWX",
    "VIE": "XWBO",
    "STO": "XSTO",
    "CPH": "XCSE",
    "HEL": "XHEL",
    "OSL": "XOSL",
    "ICE": "XICE",
    "TAL": "XTAL",
    "RIS": "XRIS",
    "LIT": "XLIT",
    "WSE": "XWAR",
    "PRA": "XPRA",
    "BUD": "XBUD",
    "BVB": "XBSE",
    "ATH": "ASEX",
    "IST": "XIST",
    "TLV": "XTAE",
    "JNB": "XJSE",
    "SAU": "XSAU",
    "DOH": "DSMD",
    "CAI": "XCAI",
    "ASX": "XASX",
    "NZE": "XNZE",
    "JPX": "XTKS",
    "HKG": "XHKG",
    "SHH": "XSHG",
    "SHZ": "XSHE",
    "KSC": "XKRX",
    "KOE": "XKOS",
    "TAI": "XTAI",
    "TWO": "ROCO",
    "SES": "XSES",
    "KLS": "XKLS",
    "SET": "XBKK",
    "JKT": "XIDX",
    "NSI": "XNSE",
    "BSE": "XBOM",
    "NYM": "XNYM",
    "CMX": "XCEC",
    "CBT": "XCBT",
    "CME": "XCME",
    "NYB": "IFUS",
}

#: Ending of Yahoo's symbols by MIC. American exchanges have none.
SUFFIXES = {
    "XTSE": "TO",
    "XTSX": "V",
    "XCNQ": "CN",
    "NEOE": "NE",
    "XMEX": "MX",
    "BVMF": "SA",
    "XBUE": "BA",
    "XSGO": "SN",
    "XLON": "L",
    "XETR": "DE",
    "XFRA": "F",
    "XSTU": "SG",
    "XBER": "BE",
    "XDUS": "DU",
    "XHAM": "HM",
    "XHAN": "HA",
    "XMUN": "MU",
    "XPAR": "PA",
    "XAMS": "AS",
    "XBRU": "BR",
    "XLIS": "LS",
    "XDUB": "IR",
    "XMIL": "MI",
    "XMAD": "MC",
    "XSWX": "SW",
    "XWBO": "VI",
    "XSTO": "ST",
    "XCSE": "CO",
    "XHEL": "HE",
    "XOSL": "OL",
    "XICE": "IC",
    "XTAL": "TL",
    "XRIS": "RG",
    "XLIT": "VS",
    "XWAR": "WA",
    "XPRA": "PR",
    "XBUD": "BD",
    "XBSE": "RO",
    "ASEX": "AT",
    "XIST": "IS",
    "XTAE": "TA",
    "XJSE": "JO",
    "XSAU": "SR",
    "DSMD": "QA",
    "XCAI": "CA",
    "XASX": "AX",
    "XNZE": "NZ",
    "XTKS": "T",
    "XHKG": "HK",
    "XSHG": "SS",
    "XSHE": "SZ",
    "XKRX": "KS",
    "XKOS": "KQ",
    "XTAI": "TW",
    "ROCO": "TWO",
    "XSES": "SI",
    "XKLS": "KL",
    "XBKK": "BK",
    "XIDX": "JK",
    "XNSE": "NS",
    "XBOM": "BO",
}
AMERICAN = frozenset({"XNAS", "XNYS", "ARCX", "XASE", "BATS", "OTCM"})

#: Our asset class by Yahoo's `quoteType`. What is not here (options) is not offered.
ASSET_CLASSES = {
    "EQUITY": "equity",
    "ETF": "etf",
    "MUTUALFUND": "fund",
    "MONEY_MARKET": "fund",
    "CRYPTOCURRENCY": "crypto",
    "CURRENCY": "currency",
    "INDEX": "index",
    "FUTURE": "commodity",
}


def symbol_for(*, symbol: str, exchange: str, asset_class: str, currency: str) -> str:
    """Return Yahoo's symbol for one of ours that nobody has mapped; empty where it has none or that cannot be
    told.

    Classes of shares are set off by a dash (`BRK.B` → `BRK-B`); a symbol that ends as Yahoo's do is taken as it is.
    """
    name = symbol.strip().upper()
    if not name or asset_class in ("private", "real_estate", "bond"):
        return ""
    if asset_class == "crypto":
        return name if name.endswith(f"-{currency}") else f"{name}-{currency}"
    if asset_class == "currency":
        return name if name.endswith("=X") else f"{name}=X"
    if asset_class == "index":
        return name if name.startswith("^") else ""
    if asset_class == "commodity":
        return name if name.endswith("=F") else ""
    suffix = SUFFIXES.get(exchange)
    if suffix:
        stem = name.removesuffix(f".{suffix}").replace(".", "-").replace("/", "-")
        return f"{stem}.{suffix}"
    if exchange in AMERICAN or (not exchange and currency == "USD"):
        return name.replace(".", "-").replace("/", "-")
    # Without a known exchange a bare symbol would be taken for an American share.
    return name if "." in name else ""


def our_symbol(symbol: str, exchange: str) -> str:
    """Return how a symbol of Yahoo's is written here: with a dot between an American share and its class."""
    stem, dash, ending = symbol.rpartition("-")
    return f"{stem}.{ending}" if dash and exchange in AMERICAN and len(ending) == 1 else symbol
