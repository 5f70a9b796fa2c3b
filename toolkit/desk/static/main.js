// How a notebook's front end takes it up: one store per widget, one view per place where it is shown.

export default () => {
  let store;
  return {
    initialize({ model }) {
      store = new Store(model);
    },
    render({ el }) {
      const view = new View(store, el);
      return () => view.end();
    },
  };
};
