document.documentElement.classList.add("js");

class Article {
  constructor(element) {
    this.element = element;
    this.id = element.id;
    this.words = element.dataset.words || "";
    this.kind = element.dataset.kind || "";
    all(".views", element).forEach((views) => this.#views(views));
  }

  get hidden() {
    return this.element.hidden;
  }

  // Those of the same cause as another are folded behind it.
  get folded() {
    const fold = this.element.closest("details");
    return Boolean(fold && !fold.open);
  }

  unfold() {
    const fold = this.element.closest("details");
    if (fold) fold.open = true;
  }

  // Made when it is first needed: a page may have many, and most are not looked at.
  get stage() {
    if (this.drawn === undefined) {
      const views = all(".views", this.element).find((each) => each.querySelector(".stage:not(.still)"));
      this.drawn = views ? new Stage(views) : null;
      if (this.drawn) this.#linked();
    }
    return this.drawn;
  }

  draw() {
    if (this.stage && !this.stage.fitted) this.stage.refit();
  }

  #views(views) {
    const still = !views.querySelector(".stage:not(.still)");
    const tools = views.querySelector(".tools");
    if (tools) tools.hidden = still;
    all(":scope > input", views).forEach((input) =>
      input.addEventListener("change", () => still || this.stage.refit())
    );
    const swipe = views.querySelector(".swipe input");
    const stage = views.querySelector(".stage");
    if (swipe) swipe.addEventListener("input", () => stage.style.setProperty("--swipe", swipe.value + "%"));
    const act = {
      next: () => this.next(1),
      in: () => this.stage.zoom(1.4),
      out: () => this.stage.zoom(1 / 1.4),
      fit: () => this.stage.fit(),
    };
    all("[data-act]", views).forEach((button) => button.addEventListener("click", act[button.dataset.act]));
  }

  // A change of the table leads to where it is drawn.
  #linked() {
    const changes = this.drawn.changes;
    all("td.place", this.element).forEach((cell) => {
      const said = places(cell.textContent);
      const at = [
        (node, place) => node.path === place || node.path.startsWith(place + "."),
        (node, place) => place.startsWith(node.path + "."), // drawn with what it is in
        (node, place) => node.text.split(/\s/).includes(place), // was called so
      ].map((fits) => changes.findIndex((node) => said.some((place) => fits(node, place)))).find((found) => found >= 0);
      if (at === undefined) return;
      const button = made("button", "link", cell.textContent);
      button.type = "button";
      button.title = "show in the picture";
      button.addEventListener("click", () => this.show(at));
      cell.replaceChildren(button);
    });
  }

  next(by) {
    const stage = this.stage;
    const many = stage ? stage.changes.length : 0;
    if (many) this.show((stage.at + by + many) % many);
  }

  show(at) {
    if (!this.stage || !this.stage.changes.length) return;
    if (!this.stage.canvas) this.view("1") || this.view("2");
    this.stage.show(at);
    list.go(this, this.stage.at + 1);
    this.stage.views.scrollIntoView();
  }

  view(key) {
    const inputs = all(".views > input.view-" + key, this.element);
    inputs.forEach((input) => {
      input.checked = true;
      input.dispatchEvent(new Event("change"));
    });
    return inputs.length > 0;
  }
}

// Which failures are shown, and which of them one is at.
const list = {
  articles: all("article").map((element) => new Article(element)),
  links: new Map(all("nav.list a").map((link) => [link.hash.slice(1), link])),
  search: document.getElementById("search"),
  kinds: all(".counts button"),
  current: null,

  get shown() {
    return this.articles.filter((article) => !article.hidden && !article.folded);
  },

  mark(article) {
    if (this.current === article) return;
    this.current = article;
    this.articles.forEach((each) => each.element.classList.toggle("here", each === article));
    this.links.forEach((link, id) => (id === article.id ? link.setAttribute("aria-current", "true") : link.removeAttribute("aria-current")));
    const link = this.links.get(article.id);
    const box = link && link.closest("ol");
    if (box) box.scrollTop = between(link.offsetTop - box.clientHeight + link.offsetHeight, box.scrollTop, link.offsetTop);
  },

  go(article, change) {
    article.unfold();
    this.mark(article);
    article.element.scrollIntoView();
    article.element.focus({ preventScroll: true });
    history.replaceState(null, "", "#" + article.id + (change ? "/" + change : ""));
  },

  step(by) {
    const shown = this.shown;
    const at = shown.indexOf(this.current);
    const next = shown[at < 0 ? 0 : between(0, at + by, shown.length - 1)];
    if (next) this.go(next);
  },

  filter() {
    const words = this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const kinds = this.kinds.filter((button) => button.ariaPressed === "true").map((button) => button.dataset.kind);
    for (const article of this.articles) {
      const wanted = !kinds.length || kinds.includes(article.kind);
      article.element.hidden = !wanted || !words.every((word) => article.words.includes(word));
    }
    all("main > .group").forEach((group) => this.regroup(group));
    this.links.forEach((link, id) => (link.closest("li").hidden = this.gone(document.getElementById(id))));
    const count = this.articles.filter((article) => !article.hidden).length;
    document.getElementById("found").textContent = (count || "none") + " of " + this.articles.length;
    if (this.current && this.current.hidden) this.current = null;
  },

  // Unfolds what is found behind one that is not.
  regroup(group) {
    const [first, ...others] = all("article", group);
    group.hidden = first.hidden && others.every((each) => each.hidden);
    const fold = group.querySelector("details.alike");
    fold.hidden = others.every((each) => each.hidden);
    if (first.hidden && !fold.hidden) fold.open = true;
  },

  gone(element) {
    return (element.closest(".group") || element).hidden;
  },

  follow() {
    const [id, change] = location.hash.slice(1).split("/");
    const article = this.articles.find((each) => each.id === id);
    if (!article) return;
    this.go(article);
    if (change) article.show(Number(change) - 1);
  },
};

async function copy(button) {
  const code = document.getElementById(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(code.textContent);
    button.textContent = "copied";
  } catch {
    getSelection().selectAllChildren(code);
    button.textContent = document.execCommand("copy") ? "copied" : "selected";
  }
  setTimeout(() => (button.textContent = "copy"), 1500);
}

// Two tables beside each other scroll as one.
all(".pair").forEach((pair) => {
  const sides = all("pre", pair);
  const level = (event) => sides.forEach((side) => side.scrollTo(event.target.scrollLeft, event.target.scrollTop));
  sides.forEach((side) => side.addEventListener("scroll", level, { passive: true }));
});

all("[data-copy]").forEach((button) => {
  button.hidden = false;
  button.addEventListener("click", () => copy(button));
});
list.search.closest(".bar").hidden = false;
list.search.addEventListener("input", () => list.filter());
list.kinds.forEach((button) => {
  button.disabled = false;
  button.addEventListener("click", () => {
    button.ariaPressed = String(button.ariaPressed !== "true");
    list.filter();
  });
});

const keys = {
  j: () => list.step(1),
  k: () => list.step(-1),
  n: (article) => article && article.next(1),
  N: (article) => article && article.next(-1),
  "/": (_, event) => { event.preventDefault(); list.search.focus(); list.search.select(); },
  "+": (article) => article && article.stage && article.stage.zoom(1.4),
  "-": (article) => article && article.stage && article.stage.zoom(1 / 1.4),
  "0": (article) => article && article.stage && article.stage.fit(),
};
for (const key of "1234") keys[key] = (article) => article && article.view(key);

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target === list.search) {
    if (event.key === "Escape" || event.key === "Enter") list.search.blur();
    return;
  }
  const act = Object.hasOwn(keys, event.key) && keys[event.key];
  if (act) act(list.current || list.shown[0], event);
});

// Pictures are drawn as they come near, then one after the other.
const near = new IntersectionObserver((entries) => {
  for (const entry of entries.filter((each) => each.isIntersecting))
    list.articles.find((each) => each.element === entry.target).draw();
}, { rootMargin: "600px" });
list.articles.forEach((article) => near.observe(article.element));
function drawOn(left) {
  if (!left.length) return;
  left[0].draw();
  setTimeout(() => drawOn(left.slice(1)), 50);
}
addEventListener("load", () => setTimeout(() => drawOn(list.shown), 1000));
addEventListener("beforeprint", () => list.shown.forEach((article) => article.draw()));

// The failure at the top is the one that keys speak of.
addEventListener("scroll", () => {
  const bottom = (article) => article.element.getBoundingClientRect().bottom;
  const seen = (article) => bottom(article) > 160 && article.element.getBoundingClientRect().top < innerHeight;
  if (list.current && seen(list.current)) return;
  const article = list.shown.find((each) => bottom(each) > 160);
  if (article) list.mark(article);
}, { passive: true });
addEventListener("hashchange", () => list.follow());
addEventListener("load", () => list.follow());
addEventListener("resize", () => list.articles.forEach((article) => article.drawn && article.drawn.refit()));
