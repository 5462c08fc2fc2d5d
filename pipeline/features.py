"""Feature keys of the examples: the ImageNet TFRecord convention."""

ENCODED = "image/encoded"
FORMAT = "image/format"
FILENAME = "image/filename"
HEIGHT = "image/height"
WIDTH = "image/width"
CHANNELS = "image/channels"
SHA256 = "image/key/sha256"
# What statistics are about, beside the sizes above: bytes, width over height, mean grey level and its deviation.
FILE_SIZE = "image/file_size"
ASPECT_RATIO = "image/aspect_ratio"
BRIGHTNESS = "image/brightness"
CONTRAST = "image/contrast"
LABEL = "image/class/label"
LABEL_TEXT = "image/class/text"
# A regression's, instead of label and text: one float.
TARGET = "image/target"
# A listing's further columns, as bytes: this and the column's name.
EXTRA = "image/extra/"

TRAIN_SPLIT = "train"
EVAL_SPLIT = "eval"
TEST_SPLIT = "test"
SPLITS = (TRAIN_SPLIT, EVAL_SPLIT, TEST_SPLIT)
