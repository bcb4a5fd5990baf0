"""Words in the names of folders, files and columns, by meaning: a split, a container, a mask, a camera, a person."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


SPLIT_WORDS = {
    **dict.fromkeys(("train", "training", "trn", "trainset", "traindata", "trainval"), "train"),
    **dict.fromkeys(("test", "testing", "tst", "testset", "testdata"), "test"),
    **dict.fromkeys(("validation", "val", "valid", "valset", "validationset"), "validation"),
    **dict.fromkeys(("evaluation", "eval", "holdout"), "test"),
    "dev": "validation",
}
ONLY_BESIDE_TRAIN = _words("evaluation eval holdout dev")
"""Words that name a split only if another folder is named as the training split."""

SPLIT_FILLERS = _words(
    "set sets data dataset image images img imgs photo photos picture pictures pic pics folder dir file files split "
    "subset jpg jpeg png the of for ds raw public private"
)
"""Words that add nothing to the word for a split: `train_images`, `TrainingSet`, `PublicTest`."""

CONTAINER_WORDS = _words(
    "image images im img imgs data dataset datasets photo photos picture pictures pic pics jpg jpeg jpegs png pngs bmp "
    "tif tiff file files folder folders dir archive raw original originals orig part parts batch batches chunk shard "
    "set sets subset split splits fold folds crop crops cropped resized resize processed preprocessed augmented aug "
    "all full main color colour gray grey grayscale rgb segmented input inputs output outputs content final public "
    "private first second third fourth new old version collection database db"
)
PART_WORDS = _words("part parts batch batches chunk shard fold folds images imgs img image set subset")

PREVIEWS = _words("thumbs thumbnail thumbnails _thumbs _thumbnails previews")
STRAYS = _words(
    "example examples sample samples demo demos pred predict prediction predictions unlabeled unlabelled unsup "
    "unsupervised"
)
"""Names of folders, beside the class folders, in which dataset authors put photos without a class."""

OTHER_PICTURES = _words(
    "mask masks trimap trimaps annotation annotations depth depths segmentation segmentations seg groundtruth gt "
    "saliency heatmap heatmaps boundary boundaries contour contours edge edges alpha alphas matte mattes normals flow "
    "label labels overlay overlays"
)
"""Names of folders with pictures derived from the photos, if they hold files with the same stems."""

PEOPLE_WORDS = _words(
    "patient pat person people subject subj sub user participant volunteer individual speaker actor donor case"
)
SERIES_WORDS = _words(
    "session sess study scan visit run trial video vid clip seq sequence scene cam camera device phone sensor frame "
    "series shot recording take"
)

LABEL_WORDS = _words(
    "label labels class classes classid category categories target species breed genus dx diagnosis disease emotion "
    "expression type kind tag grade stage"
)
"""Names of columns that hold the classes."""

CAMERA_WORDS = _words(
    "img image images dsc dscn dscf dcim pxl mvimg photo photos pic pics picture pictures p scan screenshot screen "
    "bildschirmfoto capture captura file frame frames untitled unnamed wa vid video whatsapp signal telegram fb "
    "received snapchat dji gopr gopro gx insta download downloads oip thumb sample example crop pexels unsplash "
    "pixabay flickr shutterstock istock getty gettyimages google bing baidu isic"
)
"""What cameras, phones, programs and web sites put before a photo's number; never a class."""

KNOWN_SUFFIXES = _words(
    ".csv .tsv .parquet .jsonl .ndjson .json .txt .cls .xml .yaml .yml .mat .xlsx .xls .names .lst .tab .md .rst .pdf "
    ".html .htm .css .js .py .ipynb .sh .bat .m .r .c .h .cpp .java .log .cfg .ini .toml .doc .docx .ppt .pptx .rtf "
    ".mp4 .avi .mov .mkv .webm .mpg .mpeg .wmv .mp3 .wav .ogg .flac .npy .npz .h5 .hdf5 .pkl .pickle .pt .pth .onnx "
    ".tfrecord .record .db .sqlite .dcm .nii .svg .psd .ai .eps .dng .cr2 .cr3 .nef .arw .raf .orf .rw2 .aae .xmp .thm "
    ".heic .heif .gz .bz2 .xz .bib .tex .url .lnk .exe .dll .so"
)
"""Suffixes of files that are not photos; for any other suffix the first bytes of the file decide."""

LITTER_FILES = _words("_ds_store thumbs.db desktop.ini")
LITTER_FOLDERS = _words("__macosx @eadir #recycle @recycle @recently-snapshot $recycle.bin lost+found") | {
    "system volume information",
    "network trash folder",
    "temporary items",
}
"""Names that operating systems and programs leave behind; such files are never opened."""
