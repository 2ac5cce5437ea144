"""Which icons of which packs show a brand, whose hand drew them, and the brand's normalised name.

A pack names its drawings freely: ``logos:google-chrome-icon``, ``fa7-brands:square-chrome``,
``simple-icons:googlechrome`` and ``vscode-icons:file-type-light-chrome`` are one brand. The normaliser takes
off words of style and layout, joins what is left, and maps the names that no rule can bring together.

A brand must occur in a pack that draws nothing but brands (`TRUE_PACKS`). The other packs mix brands with
objects; there, everyday words (`EVERYDAY`) never count as a brand.
"""

import re
import unicodedata

TRUE_PACKS = (
    "simple-icons", "logos", "devicon", "devicon-plain", "skill-icons", "streamline-logos", "cib", "bxl",
    "fa7-brands", "fa6-brands", "fa-brands", "entypo-social", "brandico", "unjs", "thesvg", "thesvg-color",
    "selfhst", "cryptocurrency", "cryptocurrency-color", "token", "token-branded",
)  # fmt: skip
"""Packs of nothing but brands, most careful hand first: of identical pictures the earlier pack's is kept."""

MIXED_PACKS = (
    "file-icons", "vscode-icons", "material-icon-theme", "catppuccin", "nonicons", "academicons", "gcp",
    "cbi", "arcticons",
)  # fmt: skip
"""Packs of mostly brands and apps beside folders, lamps and file types."""

LOGO_PACKS = TRUE_PACKS + MIXED_PACKS

_HANDS = {
    "devicon-plain": "devicon", "fa7-brands": "fontawesome", "fa6-brands": "fontawesome",
    "fa-brands": "fontawesome", "thesvg-color": "thesvg", "token-branded": "token",
    "cryptocurrency-color": "cryptocurrency", "streamline-logos": "streamline",
    "streamline-pixel": "streamline", "streamline-ultimate": "streamline",
    "streamline-ultimate-color": "streamline", "bxl": "boxicons", "cib": "coreui", "uim": "uil", "uit": "uil",
    "famicons": "ion", "entypo-social": "entypo", "icon-park-outline": "icon-park",
    "icon-park-solid": "icon-park", "icon-park-twotone": "icon-park", "fluent-mdl2": "fluent",
    "material-symbols-light": "material-symbols", "la": "fontawesome",
}  # fmt: skip

_COIN_PACKS = {"cryptocurrency", "cryptocurrency-color", "token", "token-branded"}
_TICKER_LENGTH = 5
"""A coin's ticker is a word of its own: ``edge`` in a coin pack is not the browser."""

_TICKERS = {
    "btc": "bitcoin", "eth": "ethereum", "ltc": "litecoin", "doge": "dogecoin", "xmr": "monero",
    "dot": "polkadot", "xlm": "stellar", "sol": "solana", "zec": "zcash", "xrp": "ripple", "usdt": "tether",
    "bnb": "binance", "link": "chainlink", "ada": "cardano", "xtz": "tezos",
}  # fmt: skip

_STYLE_ENDS = frozenset(
    """
    icon icons logo logos logomark logotype wordmark word mark symbol line plain original solid block
    fill filled outline outlined duotone twotone bold thin light dark white black color colour colored
    coloured mono monochrome negative alt square squared circle circled circular rounded round rect
    background badge text horizontal vertical stacked old new v1 v2 v3 inverted glyph with
    """.split()  # noqa: SIM905 - words read better than quotes
)
_STYLE_STARTS = {"square", "brand", "logo", "logos"}
_DOT = re.compile(r"dot(?=(js|io|com|net|org|dev|ai|ts|me|fm|tv|is|sh|app|co|it|be|cc|ch)$)")

_OTHER_NAMES = {
    "acrobatreader": "adobeacrobatreader", "aftereffects": "adobeaftereffects",
    "airflow": "apacheairflow", "americanexpress": "amex americanexpresscard", "animate": "adobeanimate",
    "arch": "archlinux", "audition": "adobeaudition", "aws": "amazonaws amazonwebservices",
    "bluesky": "blueskysocial", "cplusplus": "cpp", "css": "css3", "facebook": "facebookf facebooknew",
    "firefox": "firefoxbrowser mozillafirefox", "github": "githuboctocat", "gitlab": "gitlabfull",
    "go": "golang", "googlechrome": "chrome", "googlecloud": "gcp googlecloudplatform",
    "googledrive": "googledrivefull", "googlegmail": "gmail", "googleplay": "googleplaystore playstore",
    "googleplus": "googlepluss googleplusg", "html": "html5", "ie": "internetexplorer",
    "illustrator": "adobeillustrator", "indesign": "adobeindesign", "intellij": "intellijidea",
    "javascript": "javascriptjs", "kafka": "apachekafka", "lightroom": "adobelightroom",
    "linkedin": "linkedinin", "mastodon": "mastodonsocial", "microsoft": "ms", "microsoftazure": "azure",
    "microsoftedge": "edge", "microsoftexcel": "excel", "microsoftoffice": "microsoftoffice365 office",
    "microsoftonedrive": "onedrive", "microsoftonenote": "onenote", "microsoftoutlook": "outlook",
    "microsoftpowerpoint": "powerpoint", "microsoftsharepoint": "sharepoint", "microsoftteams": "teams",
    "microsoftword": "word", "mongodb": "mongo", "mui": "materialui", "photoshop": "adobephotoshop",
    "pinterest": "pinterestp", "postgresql": "postgres",
    "premierepro": "adobepremierepro adobepremiere premiere", "raspberrypi": "raspberry",
    "reddit": "redditalien", "rxjs": "reactivex", "slack": "slackhash", "snapchat": "snapchatghost",
    "spark": "apachespark", "spotify": "spotifyfull", "stripe": "stripes", "tailwind": "tailwindcss",
    "telegram": "telegramplane", "twitter": "twitterbird", "typescript": "typescriptlang",
    "vimeo": "vimeov", "vkontakte": "vk", "vscode": "visualstudiocode", "weibo": "sinaweibo",
    "windows": "windows8 windows10 windows11 win8", "wordpress": "wordpresssimple", "x": "xtwitter",
    "xd": "adobexd", "yandex": "yandexinternational", "youtube": "youtubeplay",
}  # fmt: skip
"""A brand's key to the other keys it goes by, separated by spaces."""
_SAME = {other: brand for brand, others in _OTHER_NAMES.items() for other in others.split()}

EVERYDAY = frozenset(
    """
    account activity admin agenda agent ai aim alarm alert anchor api app archive arrow assets atlas
    audio auth auto backup bank bar baseline basket bat batch battery beacon bell bike bit blank blog
    board book bookmark books bot box brain branch bridge broccoli browser brush bubble buffer bug build
    bus calculator calendar camera car card cart cat chart chat chats check circle clean clipboard clock
    cloud clouds code coin comments community compass config connect contacts contract control cube
    cursor dashboard data database date day default delta desktop diamond dice discover docs document
    dog door download drip drive drop echo editor email energy error event explorer eye fan feed file
    files film filter finance fire fish fit fitness flag flame flash flight flow flower focus folder
    food form forms forum fox gallery game games gateway ghost gift globe graph grid guard hammer health
    heart help here history home hook host hub image images inbox info inventory jobs journal key
    keyboard keys kitchen lab lamp launcher layers leaf library life lightning link links list lock log
    logger login loop magnet mail map maps market math memo memory menu message messages messenger meter
    mind mirror mobile money monitor moon music navigator network news night note notebook notes offline
    one orbit package pages paint panel paper parking pay pdf pen pencil phone photo photos pickle pin
    pixel play player plus podcasts power print prism profile project proxy pulse query radio rain
    reader recorder release remote render report rest ring robot rocket rooms root router rss ruler safe
    scanner search sensor server settings shape share shell shield shop shortcuts signal sky sleep sms
    snow sound source space spark speed sport square stack star stats storage store studio summary sun
    support switch sync system table tag tags target task tasks template terminal test theme three
    ticket time timer todo tools torch touch tower track tracker train translate trash travel tree tv
    twenty type upload user users vault vector video videos view voice wallet watch water wave weather
    web wiki window work world write zip zone
    """.split()  # noqa: SIM905 - words read better than quotes
)
"""Words that mixed packs use for objects; in true packs they are names (Slack's Signal, Dropbox's Box)."""


def hand_of(pack: str) -> str:
    """Whose hand drew a pack: re-releases and recoloured editions of one pack share a hand."""
    return _HANDS.get(pack, pack)


def brand_of(pack: str, name: str, shown_as_brand: bool = False) -> str | None:
    """The normalised name of the brand that an icon may show.

    Args:
        pack: prefix of the pack.
        name: the icon's name in the pack.
        shown_as_brand: the pack files this icon under a category of brands or logos.

    Returns:
        Lower-case letters and digits without separators, e.g. ``"googlechrome"``; None when the icon shows no
        brand by its pack and name. Whether a true pack knows the brand is for the caller to check.
    """
    words = _words(name)
    if pack not in LOGO_PACKS:
        if not (shown_as_brand or words[0] in {"brand", "logo"} or "logo" in words[1:]):
            return None
    elif pack in {"vscode-icons", "material-icon-theme", "catppuccin"} and words[0] in {"folder", "default"}:
        return None
    words = _without_style(_without_frame(pack, words))
    key = "".join(words)
    key = _DOT.sub("", key)
    if not key:
        return None
    if len(key) > 4 and key.endswith("js"):
        key = key[:-2]
    if pack in _COIN_PACKS and len(key) <= _TICKER_LENGTH:
        return _TICKERS.get(key, f"coin-{key}")
    key = _SAME.get(key, key)
    if pack not in TRUE_PACKS and (key in EVERYDAY or len(key) < 2):
        return None
    return key


def title_of(pack: str, name: str) -> str | None:
    """The brand's name for people: ``"google-chrome-icon"`` is ``"Google Chrome"``; else None."""
    words = _words(name)
    if pack not in LOGO_PACKS or words[0] in {"folder", "default"}:
        return None
    words = _without_style(_without_frame(pack, words))
    return " ".join(word if word.isdigit() else word.capitalize() for word in words) or None


def plain_words(name: str) -> list[str]:
    """Words of an icon's name without style and without sizes, at least one."""
    words = _words(name)
    return _without_style([word for word in words if not word.isdigit()] or words)


def _words(name: str) -> list[str]:
    """Lower-case words of an icon's name; accents are taken off."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.findall(r"[a-z0-9]+", plain) or ["".join(name.lower().split())]


def _without_frame(pack: str, words: list[str]) -> list[str]:
    """Take off what a pack puts before every name of a kind."""
    if words[:2] == ["file", "type"] and len(words) > 2:
        words = words[2:]
        words = words[1:] if words[0] == "light" and len(words) > 1 else words
    if hand_of(pack) == "fontawesome" and words[0] == "cc" and len(words) > 1:
        words = words[1:]  # payment cards: cc-visa
    if pack == "nonicons" and words[-1] == "16":
        words = words[:-1]
    return words


def _without_style(words: list[str]) -> list[str]:
    """Take words of style and numbers of variants (``logo-2``) off both ends, but never the last word."""
    while len(words) > 1:
        numbered = len(words) > 2 and len(words[-1]) == 1 and words[-1].isdigit() and words[-2] in _STYLE_ENDS
        if words[-1] in _STYLE_ENDS or numbered:
            words = words[:-1]
        elif words[0] in _STYLE_STARTS:
            words = words[1:]
        else:
            break
    return words
