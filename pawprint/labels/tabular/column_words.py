"""Words in the names of columns, in lower case and singular."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


LABEL_WORDS = _words("label target groundtruth gt annotation choice answer y")
"""Words that name a column as the label …"""

CLASS_WORDS = _words(
    """
    class classe classname classid classindex category categorie categoria kategorie klasse clase cls subcategory
    subclass kind type articletype masterclass genre style variety grade severity level stage tag sentiment
    dx diagnosis diagnose disease pathology finding tumor tumour lesiontype defect damage outcome
    breed species specie family genus order phylum plant crop fruit flower cultivar animal whale cell
    emotion expression gesture pose action activity character digit letter word sign signname
    scene landmark object product brand make model artist dish food cuisine
    """
)
"""… or as the kind of thing a photo shows …"""

ATTRIBUTE_WORDS = _words(
    """
    sex gender race ethnicity smoker agegroup side view position localization location site place hospital center centre
    clinic institution camera device scanner manufacturer sensor lens orientation modality magnification color colour
    source origin dataset reader annotator grader verified fold round batch month weekday year hour quality daynight
    """
)
"""… or as another property of it …"""

OTHER_WORDS = _words(
    """
    id uid uuid guid index idx no nr num number count seed usage age date time datetime timestamp day created modified
    width height w h size area depth channel xmin xmax ymin ymax x1 x2 y1 y2 cx cy bbox box boxe roi left top right
    bottom lat lon lng latitude longitude altitude gps url uri link path file filename image img photo picture pixel
    md5 sha1 sha256 hash checksum licence license author photographer owner copyright credit title description caption
    text comment remark note name patient subject person user animalid case study series session scan slide lesion frame
    video clip confidence score probability prob weight votes likes price
    """
)
"""… or as nothing that photos could be classified by."""

GROUP_WORDS = _words(
    """
    patient subject person user participant volunteer donor animal individual mouse rat eye lesion case study series
    session scan slide wsi frame video clip sequence seq scene group family track camera burst location site plot field
    plate batch nest colony plant tree specimen object writer author speaker photographer owner hospital
    """
)
"""Words for what several photos may show: a person, a place. These photos must be in the same split."""

NAMING_WORDS = _words("id index idx name code no num number true final")
"""Words that may be added to the name of the label's column: `class_id` is a label as much as `class` is."""

PHOTO_WORDS = _words("image img photo picture file")

BESIDE_WORDS = _words("age dx confirm date time bbox box user is has")
"""Words before the last that change the meaning of a column: `dx_type` is how the diagnosis was made."""

ALL_WORDS = LABEL_WORDS | CLASS_WORDS | ATTRIBUTE_WORDS | OTHER_WORDS | GROUP_WORDS
