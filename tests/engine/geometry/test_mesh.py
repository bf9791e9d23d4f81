"""The triangles of the face are sound."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from react1.pipeline.engine.geometry import mesh
from react1.pipeline.engine.geometry.landmark_indices import INNER_LIPS, LIPS, OVAL, SKIN_COUNT
from react1.pipeline.engine.warp.raster import signed_areas


def edges(triangles: np.ndarray) -> dict[tuple[int, int], int]:
    counted: dict[tuple[int, int], int] = {}
    for triangle in triangles.tolist():
        for pair in combinations(sorted(triangle), 2):
            counted[pair] = counted.get(pair, 0) + 1
    return counted


def test_the_surface_is_closed_but_for_its_border_and_the_mouth(engine_ready) -> None:
    """No edge has three faces; edges with one face are the oval's and the opening's of the mouth."""
    counted = edges(mesh.face_triangles())

    ring = lambda ids: {tuple(sorted((int(a), int(b)))) for a, b in zip(ids, np.roll(ids, -1), strict=True)}  # noqa: E731
    assert max(counted.values()) == 2
    assert {pair for pair, count in counted.items() if count == 1} == ring(OVAL) | ring(INNER_LIPS)


def test_it_has_the_known_count_and_every_point(engine_ready) -> None:
    """852 faces of the skin, 32 of the eyes; each of the 468 points and both irises is used."""
    triangles = mesh.face_triangles()

    assert len(triangles) == 852 + 32
    assert set(triangles.ravel().tolist()) == set(range(SKIN_COUNT + 2))


def test_rings_hold_the_face_all_around(engine_ready) -> None:
    """One ring ties the face, two the head: 72 triangles each; only the last ring's border is open."""
    assert len(mesh.face_with_ring()) == len(mesh.face_triangles()) + 2 * len(OVAL)
    assert len(mesh.head_with_rings()) == len(mesh.face_triangles()) + 4 * len(OVAL)
    open_edges = [pair for pair, count in edges(mesh.head_with_rings()).items() if count == 1]
    assert sum(min(pair) >= mesh.SECOND_RING for pair in open_edges) == len(OVAL)


def test_faces_around_lips_touch_lips(engine_ready) -> None:
    """Each has a lip's point, and every lip's point has one."""
    triangles = mesh.lip_triangles()

    assert np.isin(triangles, LIPS).any(1).all()
    assert set(LIPS.tolist()) <= set(triangles.ravel().tolist())


def test_few_triangles_turn_over_at_full_strength(portrait) -> None:
    """At temperature 1 at most 20 of some 950 are mirrored, in every emotion."""
    from react1.pipeline.core.choices import React1Choices
    from react1.pipeline.engine.geometry.head_frame import MouthShape
    from react1.pipeline.engine.planning.animate import pose_for
    from react1.pipeline.engine.pose.emotions import RECIPES
    from react1.pipeline.engine.warp.landmark_moves import landmark_moves

    shape = MouthShape.of(portrait.face)
    skin = mesh.face_triangles()[(mesh.face_triangles() < SKIN_COUNT).all(1)]
    before = portrait.face.points_px[:, :2]
    for prompt in RECIPES:
        moves = landmark_moves(
            portrait.face, pose_for(React1Choices(prompt=prompt, temperature=1.0), shape, shape, 1.0)
        )
        after = before + portrait.face.to_image_px(moves)
        assert int((signed_areas(skin, before) * signed_areas(skin, after) < 0).sum()) <= 20, prompt
