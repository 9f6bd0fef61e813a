// The filters above the list of labs; what is chosen stands in the address, so that it can be kept and shared.
const filters = document.getElementById('lab-filters');

if (filters) {
  const cards = [...document.querySelectorAll('#lab-cards > li')];
  const count = filters.querySelector('[role="status"]');
  const { level, topic, open } = filters.elements;

  const apply = () => {
    for (const card of cards) {
      const { level: its, topics, progress } = card.dataset;
      card.hidden = (level.value !== '' && its !== level.value)
        || (topic.value !== '' && !topics.split('|').includes(topic.value))
        || (open.checked && progress === 'passed');
    }
    const shown = cards.filter((card) => !card.hidden).length;
    count.textContent = shown === cards.length ? '' : `${shown} of ${cards.length} labs`;
  };

  const kept = new URLSearchParams(location.search);
  level.value = kept.get('level') ?? '';
  topic.value = kept.get('topic') ?? '';
  // A word that is no option any more is none.
  for (const choice of [level, topic]) if (choice.selectedIndex < 0) choice.value = '';
  open.checked = kept.has('open');
  filters.addEventListener('change', () => {
    apply();
    const chosen = new URLSearchParams();
    if (level.value) chosen.set('level', level.value);
    if (topic.value) chosen.set('topic', topic.value);
    if (open.checked) chosen.set('open', '');
    history.replaceState(null, '', chosen.size > 0 ? `?${chosen}` : location.pathname);
  });
  filters.addEventListener('submit', (event) => event.preventDefault());
  filters.hidden = cards.length < 2;
  apply();
}
