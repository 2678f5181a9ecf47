# report.py - from the samples of a run to ratios, and to the page.
import os
from collections import namedtuple

from measures import (BUILD_TARGET, EPOCHS, EXPERT_TARGETS, EXPERT_TITLE, MEASURES, NETWORKS, OURS,
                      SYSTEMS, TEST_SHARE, BATCH)
from machine import QUIET

# how a new page begins; it lies in docs/
TOP = """# Benchmarks

Graft beside the systems that one would take instead, all measured in one run on one machine.
[benchmarks/README.md](../benchmarks/README.md) says what each row is and how it is measured.
Figures of other machines or of other runs are not to be compared with these.

"""
BEGIN = "<!-- what follows is written by benchmarks/run.py -->"
END = "<!-- what run.py writes ends here -->"
WORST_STEPS = 6


# ------------------------------------------------------------------ arithmetic

# of two figures; disturbed: other programs were at work during every sample of one of them
Ratio = namedtuple("Ratio", "value disturbed")


def disturbed(sample):
    """Memory does not depend on what others do."""
    return sample["others"] >= QUIET and sample["measure"] != "memory"


def best(results, network, measure, system):
    """The smallest of the undisturbed samples; if there is none, of all; or None."""
    found = [s for s in results["samples"]
             if (s["network"], s["measure"], s["system"]) == (network, measure, system)]
    return min(found, key=lambda s: (disturbed(s), s["value"])) if found else None


def best_peer(results, network, measure):
    found = [best(results, network, measure, system) for system in MEASURES[measure].peers]
    found = [sample for sample in found if sample is not None]
    return min(found, key=lambda s: s["value"]) if found else None


def ratio(results, network, measure):
    """Best peer's value over ours, or None where one of them is not there."""
    ours, peer = best(results, network, measure, OURS), best_peer(results, network, measure)
    if ours is None or peer is None:
        return None
    return Ratio(peer["value"] / ours["value"], disturbed(ours) or disturbed(peer))


def expert(results, network):
    """Seconds of every image once through the fastest engine, then ten epochs of the fastest
    framework's head, composed, and whether one of these figures is disturbed; or None."""
    forward, head = best_peer(results, network, "forward"), best_peer(results, network, "head")
    if forward is None or head is None:
        return None
    train = results["images"]
    steps = EPOCHS * -(-train // BATCH)
    seconds = ((train + train // TEST_SHARE) * forward["value"] + steps * head["value"]) / 1e3
    return seconds, disturbed(forward) or disturbed(head)


def expert_ratio(results, network):
    composed, ours = expert(results, network), best(results, network, "job", OURS)
    if composed is None or ours is None:
        return None
    return Ratio(composed[0] / ours["value"], composed[1] or disturbed(ours))


def rows(results):
    """Of the table of ratios: (title, {network: (Ratio or None, target or None, word)})."""
    for name, measure in MEASURES.items():
        if measure.peers:
            yield measure.title, {network: (ratio(results, network, name), target,
                                            failure(results, network, name, OURS))
                                  for network, target in measure.targets.items()}
        if name == "job":
            yield EXPERT_TITLE, {network: (expert_ratio(results, network), target, "")
                                 for network, target in EXPERT_TARGETS.items()}


def met(found, target):
    """What is printed decides, so that no 2.00 of 2.0 is called missed."""
    return round(found.value, 2) >= target


def failure(results, network, measure, system):
    """A word on why there is no figure, or nothing."""
    for failed in results["failures"]:
        if (failed["network"], failed["measure"], failed["system"]) == (network, measure, system):
            return "not built" if "graftc" in failed["why"] else "failed"
    return ""


# ------------------------------------------------------------------ text

def digits(value):
    """Three that count."""
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 1 else f"{value:.3f}"


def table(head, lines):
    text = ["| " + " | ".join(head) + " |", "| --- |" + " ---: |" * (len(head) - 1)]
    return text + ["| " + " | ".join(line) + " |" for line in lines] + [""]


def ratio_cell(cell):
    if cell is None:
        return ""
    found, target, word = cell
    if found is None:
        return f"{word or '-'} ({target})" if target else word or "-"
    text = f"~{found.value:.2f}" if found.disturbed else f"{found.value:.2f}"
    if target is None:
        return text
    if found.disturbed:
        return f"{text} ({target})"
    return f"**{text}** ({target})" if met(found, target) else f"{text} ({target}, missed)"


def ratio_table(results):
    networks = [network for network in NETWORKS if network in results["networks"]]
    lines = []
    for title, cells in rows(results):
        if any(cells[network][0] or cells[network][2] for network in cells if network in networks):
            lines.append([title] + [ratio_cell(cells.get(network)) for network in networks])
    return table([""] + [NETWORKS[network].title for network in networks], lines)


def value_cell(results, network, measure, system):
    sample = best(results, network, measure, system)
    if sample is None:
        return failure(results, network, measure, system) or "-"
    text = ("~" if disturbed(sample) else "") + digits(sample["value"])
    return f"{text} ({sample['setting']})" if sample["setting"] else text


def value_tables(results):
    text = []
    for name, measure in MEASURES.items():
        networks = [n for n in measure.targets if n in results["networks"]]
        systems = [s for s in SYSTEMS if s in (OURS,) + measure.peers
                   and any(best(results, n, name, s) or failure(results, n, name, s)
                           for n in networks)]
        if not systems:
            continue
        text += [f"### {measure.title}", "", f"In {measure.unit}.", ""]
        text += table([""] + [NETWORKS[n].title for n in networks],
                      [[SYSTEMS[s]] + [value_cell(results, n, name, s) for n in networks]
                       for s in systems])
        if name == "build":
            ours = best(results, "resnet50", name, OURS)
            word = "met" if ours and ours["value"] <= BUILD_TARGET else "missed"
            text += [f"Target: at most {BUILD_TARGET:g} s, {word}.", ""]
        if name == "job":
            train = results["images"]
            text += [f"{train} training and {train // TEST_SHARE} test images. Graft starts without"
                     " a feature cache."]
            for n in networks:
                composed = expert(results, n)
                if composed:
                    text.append(f"The hand-made pipeline for {NETWORKS[n].title} would take"
                                f" {digits(composed[0])} s.")
            text.append("")
    return text


def share_of_peak(results, profile):
    peak = results["machine"].get("peak_gflops")
    return f"{200 * profile['gmacs_per_second'] / peak:.0f} %" if peak else "-"


def forward_profile(results):
    """GMAC/s of the frozen forward; for those below their target, the steps that cost most."""
    if not results["profiles"]:
        return []
    text = ["## Use of the processor", "",
            "Multiply-adds a second of Graft's frozen forward (those on padding and at pixels"
            " that nothing reads are neither done nor counted), and their share of the float32"
            " peak.", ""]
    text += table(["", "GMAC/s", "share of peak"],
                  [[NETWORKS[n].title, digits(p["gmacs_per_second"]), share_of_peak(results, p)]
                   for n, p in results["profiles"].items()])
    for network, profile in results["profiles"].items():
        target, found = MEASURES["forward"].targets[network], ratio(results, network, "forward")
        if target is None or found is None or found.disturbed or met(found, target):
            continue
        total = sum(step["ms"] for step in profile["steps"])
        worst = sorted(profile["steps"], key=lambda step: -step["ms"])[:WORST_STEPS]
        text += [f"The forward of {NETWORKS[network].title} misses its target. The steps that take"
                 f" most of the {digits(total)} ms for {profile['batch']} images on each core:", ""]
        text += table(["step", "ms", "GMAC/s", "share"],
                      [[f"`{step['name']}`", digits(step["ms"]), digits(step["gmacs_per_second"]),
                        f"{100 * step['ms'] / total:.1f} %"] for step in worst])
    return text


def conditions(results):
    m = results["machine"]
    peak = f"{m['peak_gflops']:g} GFLOP/s" if m["peak_gflops"] else "not measured (no C compiler)"
    facts = [
        ("Date", results["date"]),
        ("Processor", f"{m.get('name', '?')} ({m.get('vendor', '?')}, family"
                      f" {m.get('family', '?')}, model {m.get('model', '?')}), {m['cores']} cores"),
        ("float32 FMA peak, all cores", peak),
        ("Memory", f"{m['memory_gib']} GiB"),
        ("Kernel", m["kernel"]),
        ("Rounds", str(results["rounds"]) + (", a quick run" if results["quick"] else "")),
        ("Samples", f"{len(results['samples'])}; during"
                    f" {sum(disturbed(s) for s in results['samples'])} of them other programs used"
                    f" {QUIET} cores or more"),
    ]
    facts += [(name, version) for name, version in results["versions"].items()]
    text = table(["", ""], [list(fact) for fact in facts])
    text[1] = "| --- | --- |"
    for system, why in results["left_out"].items():
        text += [f"Left out: {SYSTEMS[system]} ({why}).", ""]
    return text


def generated(results):
    return "\n".join(
        ["## Ratios", "",
         "Best peer's figure over Graft's: 2 means that Graft takes half. In brackets the target;"
         " bold is met. With a ~, other programs disturbed every sample of one of the two, and"
         " nothing can be said.", ""]
        + ratio_table(results) + ["## Conditions", ""] + conditions(results)
        + ["## Figures", "", "The best of the rounds; in brackets the setting that gave it.", ""]
        + value_tables(results) + forward_profile(results)).rstrip("\n") + "\n"


def write_page(results, path):
    """The page; of one that is there, only what stands between the marks is replaced."""
    before, after = TOP, ""
    if os.path.exists(path):
        with open(path, encoding="utf-8") as page:
            old = page.read()
        if BEGIN in old and END in old:
            before, after = old.split(BEGIN)[0], old.split(END)[1].lstrip("\n")
    text = f"{before}{BEGIN}\n\n{generated(results)}\n{END}\n{after}"
    with open(path, "w", encoding="utf-8") as page:
        page.write(text)
