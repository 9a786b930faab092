"use strict";
(function () {
  // What follows only adds to the page: all of it can be read without.
  function element(name, set) { return Object.assign(document.createElement(name), set || {}); }

  // The other theme than the system's.
  var root = document.documentElement;
  var dark = window.matchMedia("(prefers-color-scheme: dark)");
  function isDark() { return root.dataset.theme ? root.dataset.theme === "dark" : dark.matches; }
  var nav = document.querySelector("nav");
  if (nav) {
    var theme = element("button", { type: "button" });
    var name = function () { theme.textContent = isDark() ? "Light" : "Dark"; };
    theme.addEventListener("click", function () { root.dataset.theme = isDark() ? "light" : "dark"; name(); });
    dark.addEventListener("change", name);
    name();
    nav.append(theme);
  }

  // Tables that sort by a press on a heading.
  function valueOf(row, key, column) {
    var text = key ? row.dataset[key] : row.cells[column].textContent.trim();
    return text === undefined ? "" : text;
  }
  function compare(a, b) {
    var x = Number(a), y = Number(b);
    return a !== "" && b !== "" && !isNaN(x) && !isNaN(y) ? x - y : a < b ? -1 : a > b ? 1 : 0;
  }
  function sort(table, heading, column) {
    var first = heading.dataset.first === "down" ? "descending" : "ascending";
    var now = heading.getAttribute("aria-sort");
    var order = now === null ? first : now === "ascending" ? "descending" : "ascending";
    for (var other of heading.parentNode.cells) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", order);
    var body = table.tBodies[0], key = heading.dataset.key, sign = order === "ascending" ? 1 : -1;
    var rows = Array.from(body.rows).map(function (row, i) { return { row: row, i: i, value: valueOf(row, key, column) }; });
    rows.sort(function (a, b) {
      var none = (a.value === "" || a.value === "-1") - (b.value === "" || b.value === "-1");
      return none || sign * compare(a.value, b.value) || a.i - b.i;
    });
    body.append.apply(body, rows.map(function (r) { return r.row; }));
  }
  document.querySelectorAll("table.sortable").forEach(function (table) {
    Array.from(table.tHead.rows[0].cells).forEach(function (heading, column) {
      var button = element("button", { type: "button", textContent: heading.textContent });
      button.addEventListener("click", function () { sort(table, heading, column); });
      heading.replaceChildren(button);
    });
  });

  // The table of hosts filters by words and by state; where it is cards, it sorts
  // by a list.
  var hosts = document.querySelector("table.hosts"), controls = document.querySelector(".controls");
  if (hosts && controls) {
    var rows = Array.from(hosts.tBodies[0].rows), none = document.querySelector(".none");
    var words = element("input", { type: "search", placeholder: "Filter: name, address, port, service, vendor" });
    words.setAttribute("aria-label", "Filter hosts");
    var which = element("select");
    which.setAttribute("aria-label", "Which hosts");
    [["", "all hosts"], ["open", "with open ports"], ["up", "up"], ["findings", "with findings"]].forEach(function (o) { which.append(element("option", { value: o[0], textContent: o[1] })); });
    var by = element("select", { className: "narrow" });
    by.setAttribute("aria-label", "Sort by");
    Array.from(hosts.tHead.rows[0].cells).forEach(function (heading, i) { by.append(element("option", { value: i, textContent: "by " + heading.textContent.toLowerCase() })); });
    by.addEventListener("change", function () { var h = hosts.tHead.rows[0].cells[by.value]; h.removeAttribute("aria-sort"); sort(hosts, h, Number(by.value)); });
    var count = element("output");
    var text = rows.map(function (row) { return row.textContent.toLowerCase(); });
    var filter = function () {
      var asked = words.value.toLowerCase().split(/\s+/).filter(Boolean), shown = 0;
      rows.forEach(function (row, i) {
        var fits = which.value === "open" ? row.dataset.open !== "0" : which.value === "up" ? row.dataset.state === "up" : which.value === "findings" ? row.dataset.findings !== "0.0" : true;
        row.hidden = !fits || !asked.every(function (w) { return text[i].includes(w); });
        shown += row.hidden ? 0 : 1;
      });
      count.textContent = shown + " of " + rows.length;
      none.hidden = shown > 0;
    };
    words.addEventListener("input", filter);
    which.addEventListener("change", filter);
    controls.append(words, which, by, count);
    controls.hidden = false;
    filter();
  }

  // A link to a part that is folded unfolds it; paper has everything unfolded.
  function unfold() {
    var part = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
    if (part && part.tagName === "DETAILS") { part.open = true; part.scrollIntoView(); }
  }
  window.addEventListener("hashchange", unfold);
  unfold();
  window.addEventListener("beforeprint", function () { document.querySelectorAll("details").forEach(function (d) { d.open = true; }); });
})();
