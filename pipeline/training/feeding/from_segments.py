"""Parts of batches from segments that are in memory one after the other."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from pipeline.distribution.shares import Shares
from pipeline.training.feeding.decoding import decode_in_batches, map_in_order
from pipeline.training.feeding.from_memory import Held
from pipeline.training.feeding.order import seed_at, shuffled
from pipeline.training.feeding.rounds import Rounds
from pipeline.training.feeding.segments import Segments
from preprocessing.graph import PreprocessingGraph

_GATHERED_AT_ONCE = 2


def parts_from_segments(
    segments: Segments,
    graph: PreprocessingGraph,
    shares: Shares,
    *,
    passes: int,
    seed: int,
    first_epoch: int,
    first_step: int,
    epochs: int,
) -> tf.data.Dataset:
    """This worker's parts, `(levels [n, H, W, C], labels [n])`, of all epochs from a position on.

    While one segment is trained on the next is decoded, and no third: two are in memory. Segments that lie before the
    position are not decoded.

    Args:
        segments: the split's.
        graph: the run's preprocessing.
        shares: the cut of an epoch.
        passes: over a segment before the next.
        seed: of the order of segments and within them.
        first_epoch: from 0.
        first_step: within it, from 0.
        epochs: the number after the last one's.
    """
    replicas, size = shares.place.replicas, shares.size
    part_sizes = shares.part_sizes().ravel()
    per_epoch, ends = len(part_sizes), part_sizes.cumsum()
    begins = ends - part_sizes

    def part_with(example: int) -> int:
        """The number of the part that has it, both counted over all epochs and replicas."""
        epoch, within = divmod(example, size)
        return epoch * per_epoch + int(np.searchsorted(ends, within, side="right"))

    # All segments become equally large, by a few examples of their own again that no order has.
    largest = max(segments.sizes)

    def filled(visit: dict[str, tf.Tensor]) -> tf.data.Dataset:
        records = tf.data.TFRecordDataset(tf.gather(tf.constant(segments.paths), visit["segment"]))
        return records.concatenate(records.take(largest - visit["size"]))

    def visited(visit: dict[str, tf.Tensor], levels: tf.Tensor, labels: tf.Tensor) -> tf.data.Dataset:
        held, count = Held(levels, labels), visit["size"]
        place = (visit["round"], visit["segment"])
        order = tf.concat([shuffled(count, seed_at(seed, *place, number)) for number in range(passes)], axis=0)

        def piece(part: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            """Of a part, which may begin in the visit before or end in the one after, what lies in this one."""
            epoch_start = part // per_epoch * size - visit["start"]
            begin = tf.maximum(epoch_start + tf.gather(begins, part % per_epoch), 0)
            return held.at(order[begin : epoch_start + tf.gather(ends, part % per_epoch)])

        parts = tf.data.Dataset.range(visit["first_part"], visit["last_part"] + 1)
        return map_in_order(parts.filter(shares.place.has), piece, _GATHERED_AT_ONCE)

    first_part, end_part = first_epoch * per_epoch + first_step * replicas, epochs * per_epoch
    position = first_epoch * size + int(begins[first_step * replicas])
    visits = Rounds(segments.sizes, passes, seed).visits(position, epochs * size)
    columns = {
        "round": [visit.round for visit in visits],
        "segment": [visit.segment for visit in visits],
        "size": [segments.sizes[visit.segment] for visit in visits],
        "start": [visit.start for visit in visits],
        "first_part": [max(part_with(visit.start), first_part) for visit in visits],
        "last_part": [min(part_with(visit.end - 1), end_part - 1) for visit in visits],
    }
    planned = tf.data.Dataset.from_tensor_slices({name: np.array(column, np.int64) for name, column in columns.items()})
    # It decodes one segment ahead by itself.
    decoded = decode_in_batches(planned.flat_map(filled), largest, graph, segments.label)
    pieces = tf.data.Dataset.zip((planned, decoded)).flat_map(lambda visit, pair: visited(visit, *pair))
    own = np.diff(shares.own_bounds()).ravel()
    # From the position on; `rebatch` begins with the first number and goes round.
    return pieces.rebatch(np.roll(own, -first_step * shares.place.local_replicas))
