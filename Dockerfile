# syntax=docker/dockerfile:1
# The service as an image: production packages, the TypeScript sources, which Node runs as they are, and the built dashboard.

FROM node:24.21.0-bookworm-slim AS packages
WORKDIR /srv/tidings
COPY package.json package-lock.json .npmrc ./
# Without dev and optional packages: the image's own Node runs it, and Postgres and Valkey are reached by URL.
RUN npm ci --omit=dev --omit=optional

FROM node:24.21.0-bookworm-slim AS dashboard
WORKDIR /srv/tidings
COPY package.json package-lock.json .npmrc ./
# With optional packages: what builds has its own program for each platform.
RUN npm ci
COPY tsconfig.json vite.config.ts ./
COPY bin/build-dashboard bin/build-dashboard
COPY src/dashboard src/dashboard
RUN bin/build-dashboard

FROM node:24.21.0-bookworm-slim
LABEL org.opencontainers.image.title="Tidings" \
      org.opencontainers.image.description="Webhooks that arrive in order, signed, and never get lost." \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.base.name="docker.io/library/node:24.21.0-bookworm-slim"

# Not below a node_modules folder: Node refuses to strip types there.
WORKDIR /srv/tidings
COPY --from=packages /srv/tidings/node_modules node_modules
COPY package.json ./
COPY bin/tidings bin/tidings
COPY migrations migrations
COPY schema/events schema/events
COPY src src
COPY --from=dashboard /srv/tidings/dist dist

# config/ is looked for here; mount it read-only.
WORKDIR /tidings
ENV HOST=0.0.0.0 \
    PORT=4000
EXPOSE 4000
# The user node, by number: Kubernetes believes no name to be no root.
USER 1000:1000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=40s --retries=3 \
  CMD ["/srv/tidings/bin/tidings", "healthcheck"]
ENTRYPOINT ["/srv/tidings/bin/tidings"]
CMD ["start"]
