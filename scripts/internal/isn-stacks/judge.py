#!/usr/bin/env python3
"""Holds an answer of synscope's to what the stack does: judge.py NAME WAY CLASSES
VARIANT-OR-FINDING FILE. Ends with 1 where the class is wrong at 0.9 or more, or where
what a right answer must also say is missing though the way shows it."""
import json
import sys

name, way, classes, want, path = sys.argv[1:]
found = [r for r in map(json.loads, open(path)) if r["type"] == "isn"]
if not found or not found[0].get("samples"):
    sys.exit(f"{name}: no answer")
r = found[0]
codes = [r.get("variant", "")] + [f["code"] for f in r.get("findings", [])]
right = r["class"] in classes.split()
if right and want not in [""] + codes:
    # what few samples, or no other address, do not show is not missed
    right = way not in ("plain", "hundred")
sure = r["class"] != "unknown" and r["confidence"] >= 0.9
word = "right" if right else "WRONG" if sure else "undecided"
print(f"{word:9} {name}: {r['class']} {r.get('variant') or ''} {r['confidence']:.3f} of {r['samples']}, next {r.get('runner_up')} {r.get('bits_between')} bits, guesses {r.get('guesses_p50')}")
sys.exit(word == "WRONG")
