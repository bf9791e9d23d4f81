"""The triangle mesh of the face is valid."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from react1.pipeline.engine.geometry import mesh
from react1.pipeline.engine.geometry.mesh import INNER_LIPS, LIPS, OVAL, SKIN_COUNT
from react1.pipeline.engine.warp.raster import signed_areas


def edge_counts(triangles: np.ndarray) -> dict[tuple[int, int], int]:
    counts: dict[tuple[int, int], int] = {}
    for triangle in triangles.tolist():
        for pair in combinations(sorted(triangle), 2):
            counts[pair] = counts.get(pair, 0) + 1
    return counts


def test_the_surface_is_closed_except_for_its_border_and_the_mouth(engine_ready) -> None:
    """No edge has three triangles; edges with one triangle belong to the oval and the opening of the mouth."""
    counts = edge_counts(mesh.face_triangles())

    ring = lambda ids: {tuple(sorted((int(a), int(b)))) for a, b in zip(ids, np.roll(ids, -1), strict=True)}  # noqa: E731
    assert max(counts.values()) == 2
    assert {pair for pair, count in counts.items() if count == 1} == ring(OVAL) | ring(INNER_LIPS)


def test_the_mesh_has_the_known_size_and_uses_every_point(engine_ready) -> None:
    """There are 852 triangles of the skin and 32 of the eyes; all 468 points and both irises are used."""
    triangles = mesh.face_triangles()

    assert len(triangles) == 852 + 32
    assert set(triangles.ravel().tolist()) == set(range(SKIN_COUNT + 2))


def test_rings_surround_the_face(engine_ready) -> None:
    """The face has one ring, the head two, of 72 triangles each; only the border of the last ring is open."""
    assert len(mesh.face_with_ring()) == len(mesh.face_triangles()) + 2 * len(OVAL)
    assert len(mesh.head_with_rings()) == len(mesh.face_triangles()) + 4 * len(OVAL)
    open_edges = [pair for pair, count in edge_counts(mesh.head_with_rings()).items() if count == 1]
    assert sum(min(pair) >= mesh.SECOND_RING for pair in open_edges) == len(OVAL)


def test_lip_triangles_touch_lips(engine_ready) -> None:
    """Each triangle has a point of a lip, and every point of a lip has a triangle."""
    triangles = mesh.lip_triangles()

    assert np.isin(triangles, LIPS).any(1).all()
    assert set(LIPS.tolist()) <= set(triangles.ravel().tolist())


def test_few_triangles_are_mirrored_at_full_strength(portrait) -> None:
    """At temperature 1 at most 25 of about 950 triangles are mirrored, with the angry brow over the raised lids 50.

    They are small: at most 1.2 % of the skin.
    """
    from react1.pipeline.core.edits.choices import React1Choices
    from react1.pipeline.engine.geometry.head_frame import MouthShape
    from react1.pipeline.engine.planning.animate import pose_for
    from react1.pipeline.engine.pose.pose import RECIPES
    from react1.pipeline.engine.warp.landmark_moves import landmark_moves

    shape = MouthShape.of(portrait.face)
    skin = mesh.face_triangles()[(mesh.face_triangles() < SKIN_COUNT).all(1)]
    before = portrait.face.points_px[:, :2]
    for prompt in RECIPES:
        moves = landmark_moves(
            portrait.face, pose_for(React1Choices(prompt=prompt, temperature=1.0), shape, shape, 1.0)
        )
        after = before + portrait.face.to_image_px(moves)
        areas_before, areas_after = signed_areas(skin, before), signed_areas(skin, after)
        mirrored = areas_before * areas_after < 0
        assert int(mirrored.sum()) <= (50 if prompt == "angry" else 25), prompt
        assert np.abs(areas_after[mirrored]).sum() <= 0.012 * np.abs(areas_before).sum(), prompt
