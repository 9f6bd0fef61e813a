//! The main job from end to end, with the real engine.
