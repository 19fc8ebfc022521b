"use strict";

const all = (selector, within = document) => [...within.querySelectorAll(selector)];
const made = (tag, className, text = "") => Object.assign(document.createElement(tag), { className, textContent: text });
const between = (least, value, most) => Math.min(most, Math.max(least, value));
const CHANGES = ["added", "removed", "changed", "renamed", "moved"];

// The picture of a frame. Drawings wait as text: to read all of them at once would take seconds.
function draw(canvas) {
  const waiting = canvas.querySelector("noscript");
  if (waiting) {
    const read = new DOMParser().parseFromString(waiting.textContent, "text/html");
    waiting.replaceWith(document.adoptNode(read.querySelector("img")));
  }
  return canvas.querySelector("img");
}

// Frames keep the place that their drawings will take.
all(".canvas > noscript").forEach((waiting) => {
  const size = /width=%22([\d.]+)%22 height=%22([\d.]+)%22/.exec(waiting.textContent.slice(0, 500));
  if (!size) return;
  waiting.parentElement.style.setProperty("--w", size[1]);
  waiting.parentElement.style.setProperty("--h", size[2]);
});

// The pictures of one drift: they share one place, one size and the change that is marked.
class Stage {
  constructor(views) {
    this.views = views;
    this.box = views.querySelector(".stage");
    this.canvases = all(".canvas", this.box);
    this.where = views.querySelector(".where");
    this.told = made("pre", "told");
    Object.assign(this.told, { hidden: true, tabIndex: 0, role: "group", ariaLabel: "What it became" });
    this.box.before(this.told);
    this.x = this.y = this.fitted = 0;
    this.k = 1;
    this.at = -1;
    this.box.classList.add("live");
    this.canvases.forEach((canvas) => this.#listen(canvas));
    this.box.addEventListener("load", () => this.refit(), true);
    this.fit();
  }

  // One of those that are seen; they are all of one size.
  get canvas() {
    return this.canvases.find((canvas) => canvas.offsetParent);
  }

  // Fills the width, at most as large as it was drawn.
  fit() {
    const canvas = this.canvas;
    this.canvases.filter((each) => each.offsetParent).forEach(draw);
    const image = canvas && draw(canvas);
    if (!image || !image.naturalWidth) return;
    const k = Math.min(1, canvas.clientWidth / image.naturalWidth);
    const height = between(120, image.naturalHeight * k, window.innerHeight * 0.75);
    this.canvases.forEach((each) => (each.style.height = height + "px"));
    this.fitted = k;
    this.move((canvas.clientWidth - image.naturalWidth * k) / 2, 0, k);
  }

  refit() {
    this.fit();
    if (this.at >= 0) this.show(this.at);
  }

  move(x, y, k = this.k) {
    Object.assign(this, { x, y, k });
    for (const [name, value] of [["--x", x + "px"], ["--y", y + "px"], ["--k", k]]) this.box.style.setProperty(name, value);
    this.box.classList.toggle("zoomed", k > this.fitted * 1.05);
  }

  // About a point of the frame, its middle where none is said.
  zoom(by, x, y) {
    const canvas = this.canvas;
    if (!canvas) return;
    if (x === undefined) [x, y] = [canvas.clientWidth / 2, canvas.clientHeight / 2];
    const k = between(0.05, this.k * by, 8);
    this.move(x - ((x - this.x) * k) / this.k, y - ((y - this.y) * k) / this.k, k);
  }

  // What is drawn and where, read from the drawing itself: [{ path, text, changed, left, right, top, bottom }].
  get nodes() {
    if (this.found) return this.found;
    const image = draw(this.box.querySelector(".both .canvas") || this.canvases[0]);
    if (!image.src.startsWith("data:image/svg+xml,")) return (this.found = []);
    const source = decodeURIComponent(image.src.slice(image.src.indexOf(",") + 1));
    const drawing = new DOMParser().parseFromString(source, "image/svg+xml");
    const graph = drawing.querySelector("g.graph");
    const shift = /translate\(([-\d.]+)[ ,]+([-\d.]+)\)/.exec(graph ? graph.getAttribute("transform") : "") || [0, 0, 0];
    const read = (kind) => all("g." + kind, drawing).map((group) => Stage.#node(group, Number(shift[1]), Number(shift[2])));
    this.found = read("node").filter((node) => Number.isFinite(node.left));
    if (!this.changes.length) this.found = this.found.concat(read("edge").filter((edge) => edge.changed));
    return this.found;
  }

  static #node(group, right, down) {
    const numbers = all("path, polygon", group).flatMap((shape) =>
      ((shape.getAttribute("d") || shape.getAttribute("points") || "").match(/-?[\d.]+/g) || []).map(Number)
    );
    const xs = numbers.filter((_, at) => at % 2 === 0).map((value) => value + right);
    const ys = numbers.filter((_, at) => at % 2 === 1).map((value) => value + down);
    const link = group.querySelector("a");
    const path = (group.querySelector("title") || group).textContent;
    return {
      path,
      text: (link && link.getAttribute("xlink:title")) || path,
      changed: CHANGES.some((name) => group.classList.contains(name)),
      left: Math.min(...xs), right: Math.max(...xs), top: Math.min(...ys), bottom: Math.max(...ys),
    };
  }

  get changes() {
    return this.nodes.filter((node) => node.changed).sort((a, b) => a.top - b.top || a.left - b.left);
  }

  show(at) {
    const changes = this.changes;
    const canvas = this.canvas;
    if (!changes.length || !canvas) return;
    this.at = between(0, at, changes.length - 1);
    const { left, right, top, bottom, text } = changes[this.at];
    const k = Math.max(this.k, Math.min(1, canvas.clientWidth / (right - left + 24)));
    this.move(canvas.clientWidth / 2 - ((left + right) / 2) * k, canvas.clientHeight / 2 - ((top + bottom) / 2) * k, k);
    for (const [name, value] of [["left", left], ["top-of", top], ["wide", right - left], ["high", bottom - top]])
      this.box.style.setProperty("--" + name, value);
    this.box.classList.add("marked");
    this.where.textContent = this.at + 1 + " of " + changes.length;
    this.told.textContent = text;
    this.told.hidden = false;
  }

  #listen(canvas) {
    canvas.append(made("div", "spot"));
    const held = new Map();
    const inside = (x, y) => {
      const box = canvas.getBoundingClientRect();
      return [x - box.left, y - box.top];
    };
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      held.set(event.pointerId, [event.clientX, event.clientY]);
      canvas.setPointerCapture(event.pointerId);
      canvas.classList.add("held");
    });
    canvas.addEventListener("pointermove", (event) => {
      const last = held.get(event.pointerId);
      if (!last) return this.#hover(canvas, ...inside(event.clientX, event.clientY));
      const now = [event.clientX, event.clientY];
      const other = [...held].find(([id]) => id !== event.pointerId);
      if (other) {
        const far = ([x, y]) => Math.hypot(x - other[1][0], y - other[1][1]) || 1;
        this.zoom(far(now) / far(last), ...inside((now[0] + other[1][0]) / 2, (now[1] + other[1][1]) / 2));
      } else {
        this.move(this.x + now[0] - last[0], this.y + now[1] - last[1]);
      }
      held.set(event.pointerId, now);
    });
    for (const name of ["pointerup", "pointercancel"])
      canvas.addEventListener(name, (event) => {
        held.delete(event.pointerId);
        canvas.classList.toggle("held", held.size > 0);
      });
    const wheel = (event) => {
      if (!event.ctrlKey && !event.metaKey && !event.altKey) return;
      event.preventDefault();
      this.zoom(Math.exp(-event.deltaY / 300), ...inside(event.clientX, event.clientY));
    };
    canvas.addEventListener("wheel", wheel, { passive: false });
    canvas.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] }[event.key];
      if (!by || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      this.move(this.x + by[0], this.y + by[1]);
    });
  }

  #hover(canvas, x, y) {
    const at = [(x - this.x) / this.k, (y - this.y) / this.k];
    const node = this.nodes.find((n) => n.left <= at[0] && at[0] <= n.right && n.top <= at[1] && at[1] <= n.bottom);
    canvas.title = node ? node.text : "";
  }
}

// What a place in braces stands for: a.{0,2..4}.b is a.0.b, a.2.b, a.3.b and a.4.b.
function places(text) {
  const found = /^([^{}]*)\{([^{}]*)\}(.*)$/.exec(text);
  if (!found) return [text];
  const each = found[2].split(",").flatMap((part) => {
    const range = /^(\d+)\.\.(\d+)$/.exec(part.trim());
    if (!range) return [part.trim()];
    return Array.from({ length: between(0, range[2] - range[1] + 1, 100) }, (_, at) => String(Number(range[1]) + at));
  });
  return each.flatMap((part) => places(found[1] + part + found[3])).slice(0, 200);
}
