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

  get title() {
    return [...this.element.querySelector("h2").cloneNode(true).childNodes];
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

// An entry of the list: it names the first that is shown of those of one cause, and leads there.
class Entry {
  constructor(link, articles) {
    this.link = link;
    this.articles = articles;
    this.more = link.querySelector("small");
    link.addEventListener("click", () => this.choose());
  }

  // At once: browsers tell later that the address has changed, and a key may come before.
  choose() {
    const chosen = this.articles.find((article) => "#" + article.id === this.link.hash);
    if (chosen) list.mark(chosen);
  }

  refresh() {
    const shown = this.articles.filter((article) => !article.hidden);
    this.link.closest("li").hidden = !shown.length;
    if (!shown.length) return;
    this.link.href = "#" + shown[0].id;
    this.link.querySelector(".said").replaceChildren(...shown[0].title);
    if (!this.more) return;
    this.more.hidden = shown.length < 2;
    this.more.textContent = this.more.hidden ? "" : "and in " + (shown.length - 1).toLocaleString("en") + " more";
  }

  mark(article) {
    const here = this.articles.includes(article);
    here ? this.link.setAttribute("aria-current", "true") : this.link.removeAttribute("aria-current");
    const box = here && this.link.closest("ol");
    if (box) box.scrollTop = between(this.link.offsetTop - box.clientHeight + this.link.offsetHeight, box.scrollTop, this.link.offsetTop);
  }
}

// What is said where nothing is shown, or a link leads to nothing.
const note = {
  box: made("p", "note"),
  words: made("span"),

  say(text, act) {
    this.words.textContent = text;
    this.button.hidden = !act;
    this.box.hidden = !text;
  },
};
note.button = Object.assign(made("button", "", "show all"), { type: "button", hidden: true });
note.box.setAttribute("role", "status");
note.box.append(note.words, note.button);
note.box.hidden = true;
document.querySelector("main").prepend(note.box);
note.button.addEventListener("click", () => list.showAll());

// Which failures are shown, and which of them one is at.
const list = {
  articles: all("article").map((element) => new Article(element)),
  search: document.getElementById("search"),
  kinds: all(".counts button"),
  current: null,

  get shown() {
    return this.articles.filter((article) => !article.hidden && !article.folded);
  },

  // What keys speak of.
  get here() {
    return this.shown.includes(this.current) ? this.current : this.shown[0];
  },

  mark(article) {
    if (this.current === article) return;
    this.current = article;
    this.articles.forEach((each) => each.element.classList.toggle("here", each === article));
    this.entries.forEach((entry) => entry.mark(article));
  },

  go(article, change) {
    if (article.hidden) this.showAll();
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
    this.entries.forEach((entry) => entry.refresh());
    const count = this.articles.filter((article) => !article.hidden).length;
    document.getElementById("found").textContent = (count || "none") + " of " + this.articles.length;
    note.say(count ? "" : "Nothing here " + [...kinds, ...(words.length ? ["has \u201c" + this.search.value.trim() + "\u201d"] : [])].join(" and ") + ".", true);
    if (this.current && !this.shown.includes(this.current)) this.mark(null);
  },

  showAll() {
    this.search.value = "";
    this.kinds.forEach((button) => (button.ariaPressed = "false"));
    this.filter();
  },

  // Unfolds what is found behind one that is not.
  regroup(group) {
    const [first, ...others] = all("article", group);
    group.hidden = first.hidden && others.every((each) => each.hidden);
    const fold = group.querySelector("details.alike");
    fold.hidden = others.every((each) => each.hidden);
    const needed = first.hidden && !fold.hidden;
    if (needed && !fold.open) fold.dataset.opened = "";
    if (needed || "opened" in fold.dataset) fold.open = needed;
    if (!needed) delete fold.dataset.opened;
  },

  // Where the address leads.
  follow() {
    const [id, change] = location.hash.slice(1).split("/");
    const article = this.articles.find((each) => each.id === id);
    if (!article) return note.say(id && "There is no " + id + " on this page: it may not have drifted in this run.", false);
    note.say("");
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

list.entries = all("nav.list a").map((link) => {
  const first = document.getElementById(link.hash.slice(1));
  const group = first.closest(".group") || first;
  return new Entry(link, list.articles.filter((article) => group.contains(article.element)));
});

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
    if (event.key !== "Escape" && event.key !== "Enter") return;
    event.preventDefault(); // browsers empty the field
    list.search.blur();
    return;
  }
  const act = Object.hasOwn(keys, event.key) && keys[event.key];
  if (act) act(list.here, event);
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
