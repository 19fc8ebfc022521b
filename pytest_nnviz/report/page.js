"use strict";
(() => {
  const articles = [...document.querySelectorAll("article")];
  let current = -1;

  const folded = (article) => article.closest("details.alike:not([open])");
  const shown = () => articles.filter((article) => !article.hidden && !folded(article));

  function go(article, change) {
    if (!article) return;
    const around = folded(article);
    if (around) around.open = true;
    articles.forEach((each) => each.classList.toggle("here", each === article));
    current = articles.indexOf(article);
    article.scrollIntoView();
    history.replaceState(null, "", "#" + article.id + (change ? "/" + change : ""));
  }

  function step(by) {
    const list = shown();
    const at = list.indexOf(articles[current]);
    go(list[Math.min(list.length - 1, Math.max(0, at + by))]);
  }

  // The list: filter by words.
  const search = document.getElementById("search");
  const links = new Map([...document.querySelectorAll("nav.list li")].map((item) => [item.querySelector("a").hash.slice(1), item]));
  const groups = [...document.querySelectorAll("section.group")];
  search.closest(".bar").hidden = false;
  search.addEventListener("input", () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    articles.forEach((article) => {
      const text = article.dataset.words;
      article.hidden = !words.every((word) => text.includes(word));
      const link = links.get(article.id);
      if (link) link.hidden = article.hidden;
    });
    groups.forEach((group) => {
      const [first, ...others] = group.querySelectorAll("article");
      const alike = group.querySelector("details.alike");
      alike.hidden = others.every((article) => article.hidden);
      if (first.hidden && !alike.hidden) alike.open = true;
      links.get(first.id).hidden = first.hidden && alike.hidden;
    });
    document.getElementById("found").textContent = articles.filter((article) => !article.hidden).length + " of " + articles.length;
  });

  // A stage: its pictures share one place and one size.
  const size = (image) => [image.naturalWidth || image.width, image.naturalHeight || image.height];

  function stageOf(article) {
    const stage = article.querySelector(".stage");
    if (!stage || stage.classList.contains("still")) return null;
    return stage;
  }

  function place(stage, x, y, k) {
    Object.assign(stage.seen, { x, y, k });
    stage.style.setProperty("--x", x + "px");
    stage.style.setProperty("--y", y + "px");
    stage.style.setProperty("--k", k);
    stage.querySelectorAll(".spot").forEach((spot) => {
      const box = stage.seen.box;
      spot.style.display = box ? "block" : "none";
      if (!box) return;
      const caption = spot.parentElement.querySelector("figcaption").offsetHeight;
      spot.style.left = x + box.left * k - 6 + "px";
      spot.style.top = caption + y + box.top * k - 6 + "px";
      spot.style.width = (box.right - box.left) * k + 12 + "px";
      spot.style.height = (box.bottom - box.top) * k + 12 + "px";
    });
  }

  function visible(stage) {
    return [...stage.querySelectorAll("figure")].find((figure) => figure.offsetParent) || null;
  }

  function fit(stage) {
    const figure = visible(stage);
    if (!figure) return;
    const [width, height] = size(figure.querySelector("img"));
    if (!width) return;
    const room = Math.min(window.innerHeight * 0.75, height);
    const k = Math.min(1, figure.clientWidth / width);
    stage.querySelectorAll("figure").forEach((each) => {
      each.style.height = Math.max(160, Math.min(room, height * k) + 28) + "px";
    });
    place(stage, Math.max(0, (figure.clientWidth - width * k) / 2), 0, k);
  }

  function zoom(stage, by, x, y) {
    const { x: left, y: top, k } = stage.seen;
    const next = Math.min(8, Math.max(0.05, k * by));
    place(stage, x - ((x - left) * next) / k, y - ((y - top) * next) / k, next);
  }

  function live(stage) {
    stage.seen = { x: 0, y: 0, k: 1, box: null };
    stage.classList.add("live");
    stage.querySelectorAll("figure").forEach((figure) => {
      figure.append(Object.assign(document.createElement("div"), { className: "spot" }));
      const held = new Map();
      figure.addEventListener("pointerdown", (event) => {
        held.set(event.pointerId, [event.clientX, event.clientY]);
        figure.setPointerCapture(event.pointerId);
        figure.classList.add("held");
      });
      figure.addEventListener("pointermove", (event) => {
        const last = held.get(event.pointerId);
        if (!last) return;
        const now = [event.clientX, event.clientY];
        if (held.size === 2) {
          const other = [...held].find(([id]) => id !== event.pointerId)[1];
          const far = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1]) || 1;
          const box = figure.getBoundingClientRect();
          zoom(stage, far(now, other) / far(last, other), (now[0] + other[0]) / 2 - box.left, (now[1] + other[1]) / 2 - box.top);
        } else {
          place(stage, stage.seen.x + now[0] - last[0], stage.seen.y + now[1] - last[1], stage.seen.k);
        }
        held.set(event.pointerId, now);
      });
      ["pointerup", "pointercancel"].forEach((name) =>
        figure.addEventListener(name, (event) => {
          held.delete(event.pointerId);
          figure.classList.toggle("held", held.size > 0);
        })
      );
      figure.addEventListener("wheel", (event) => {
        if (!event.ctrlKey && !event.metaKey && !event.altKey) return;
        event.preventDefault();
        const box = figure.getBoundingClientRect();
        zoom(stage, Math.exp(-event.deltaY / 300), event.clientX - box.left, event.clientY - box.top);
      }, { passive: false });
    });
    const ready = () => fit(stage);
    stage.querySelectorAll("img").forEach((image) => (image.complete ? ready() : image.addEventListener("load", ready)));
  }

  // Where the changed nodes of a picture are, read from the drawing itself.
  function spots(stage) {
    if (stage.spots) return stage.spots;
    const image = stage.querySelector(".both img");
    const source = image.src.slice(image.src.indexOf(",") + 1);
    const drawing = new DOMParser().parseFromString(decodeURIComponent(source), "image/svg+xml");
    const shift = /translate\(([-\d.]+)[ ,]+([-\d.]+)\)/.exec((drawing.querySelector("g.graph, g") || drawing.documentElement).getAttribute("transform") || "") || [0, 0, 0];
    const found = [...drawing.querySelectorAll("g.node.added, g.node.removed, g.node.changed, g.node.renamed, g.node.moved")].map((node) => {
      const numbers = [...node.querySelectorAll("path, polygon")].flatMap((shape) => (shape.getAttribute("d") || shape.getAttribute("points")).match(/-?[\d.]+/g).map(Number));
      const xs = numbers.filter((_, at) => at % 2 === 0).map((value) => value + Number(shift[1]));
      const ys = numbers.filter((_, at) => at % 2 === 1).map((value) => value + Number(shift[2]));
      return { left: Math.min(...xs), right: Math.max(...xs), top: Math.min(...ys), bottom: Math.max(...ys) };
    });
    stage.spots = found.filter((box) => Number.isFinite(box.left)).sort((a, b) => a.top - b.top || a.left - b.left);
    return stage.spots;
  }

  function nextChange(article, to) {
    const stage = stageOf(article);
    if (!stage || !spots(stage).length) return;
    const all = spots(stage);
    stage.at = to === undefined ? ((stage.at === undefined ? -1 : stage.at) + 1) % all.length : Math.min(all.length - 1, Math.max(0, to));
    const box = all[stage.at];
    const figure = visible(stage);
    if (!figure) return;
    const k = Math.max(stage.seen.k, 1);
    stage.seen.box = box;
    place(stage, figure.clientWidth / 2 - ((box.left + box.right) / 2) * k, figure.clientHeight / 2 - ((box.top + box.bottom) / 2) * k, k);
    article.querySelector(".where").textContent = stage.at + 1 + " of " + all.length;
    go(article, stage.at + 1);
    article.querySelector(".tabs").scrollIntoView();
  }

  articles.forEach((article) => {
    const stage = stageOf(article);
    article.querySelectorAll(".tools").forEach((tools) => (tools.hidden = !stage));
    article.querySelectorAll("[data-copy]").forEach((button) => {
      button.hidden = false;
      button.addEventListener("click", async () => {
        const text = document.getElementById(button.dataset.copy).textContent;
        try {
          await navigator.clipboard.writeText(text);
          button.textContent = "copied";
        } catch {
          getSelection().selectAllChildren(document.getElementById(button.dataset.copy));
          button.textContent = "selected";
        }
        setTimeout(() => (button.textContent = "copy"), 1500);
      });
    });
    if (!stage) return;
    live(stage);
    const centre = () => { const figure = visible(stage); return [figure.clientWidth / 2, figure.clientHeight / 2]; };
    const act = { next: () => nextChange(article), in: () => zoom(stage, 1.4, ...centre()), out: () => zoom(stage, 1 / 1.4, ...centre()), fit: () => fit(stage) };
    article.querySelectorAll("[data-act]").forEach((button) => button.addEventListener("click", act[button.dataset.act]));
    article.querySelectorAll(".views > input").forEach((input) => input.addEventListener("change", () => fit(stage)));
    const swipe = article.querySelector(".swipe input");
    if (swipe) swipe.addEventListener("input", () => stage.style.setProperty("--swipe", swipe.value + "%"));
  });

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.matches("input[type=search]")) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    const article = articles[current] || shown()[0];
    const act = {
      j: () => step(1), k: () => step(-1), n: () => nextChange(article),
      "/": () => { event.preventDefault(); search.focus(); },
    }[event.key];
    if (act) act();
    if (article && "1234".includes(event.key)) {
      const input = article.querySelector(".view-" + event.key);
      if (input) { input.checked = true; input.dispatchEvent(new Event("change")); }
    }
  });

  function follow() {
    const [id, change] = decodeURIComponent(location.hash.slice(1)).split("/");
    const article = articles.find((each) => each.id === id);
    if (!article) return;
    go(article, change);
    if (change) setTimeout(() => nextChange(article, Number(change) - 1), 50);
  }
  addEventListener("hashchange", follow);
  addEventListener("load", follow);
  addEventListener("resize", () => articles.forEach((article) => stageOf(article) && fit(stageOf(article))));
})();
